import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { findProgram } from '../terminal/find-program.ts';

/** How systems get OpenSSH's client. */
export const installSsh = 'Install the OpenSSH client (Debian, Ubuntu: openssh-client; Fedora, RHEL: openssh-clients).';

/** @returns the path of OpenSSH's client. @throws WeirError invalid_request when there is none. */
export function requireSsh(cli: Cli): string {
  const found = findProgram(cli, 'ssh');
  if (found !== undefined) return found;
  throw new WeirError('invalid_request', 'The program ssh is not installed.', {
    why: 'It is not on PATH.',
    fix: installSsh,
  });
}
