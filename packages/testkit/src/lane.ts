import { appendFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { hasCommand } from './commands.ts';
import { findSshd } from './ssh-server.ts';

/** Defines a suite, as vitest's describe does. */
export type Suite = (title: string, define: () => void) => void;

/**
 * A lane is what a group of tests needs beyond npm: a client, another server, an account. Gives `describe` where it is available. Where it is not,
 * the suites are left out and the closing lines of `npm test` name the lane with `why`; under WEIR_REQUIRE_ALL=1 each suite fails instead.
 */
export function lane(name: string, isAvailable: () => boolean, why: string): Suite {
  if (isAvailable()) return describe;
  if (process.env['WEIR_REQUIRE_ALL'] === '1') {
    return (title) => {
      describe(title, () => {
        it(`needs the lane ${name}`, () => {
          throw new Error(`The lane ${name} is missing and WEIR_REQUIRE_ALL=1: ${why}`);
        });
      });
    };
  }
  reportMissing(name, why);
  return (title, define) => describe.skip(title, define);
}

/** The lane `openssh`: OpenSSH's client and server, and the programs that ride on them. */
export function openSshLane(): Suite {
  const clients = ['ssh', 'scp', 'sftp', 'ssh-keygen', 'ssh-agent', 'ssh-add', 'rsync', 'git', 'vim', 'top', 'script'];
  const isAvailable = () => findSshd() !== undefined && clients.every(hasCommand);
  return lane('openssh', isAvailable, 'apt: openssh-server openssh-client rsync git vim procps bsdutils');
}

/** Lines NAME<tab>WHY; the file is the runner's, which prints each lane once. */
function reportMissing(name: string, why: string): void {
  const file = process.env['WEIR_LANES_FILE'];
  if (file) appendFileSync(file, `${name}\t${why.replaceAll(/[\t\n]/g, ' ')}\n`);
}
