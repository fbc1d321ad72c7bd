import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type SshSystem, startSshSystem } from './fixture/ssh-system.ts';
import { openTerminal } from './fixture/terminal.ts';

const describe = openSshLane();
const csi = '\u001b[';
const colour = new RegExp(`${csi.replace('[', '\\[')}[0-9;]*[mK]`, 'g');

describe('masks on what hosts print', () => {
  let ssh: SshSystem;
  let letter: string;
  const values = ['bob.miller@example.com', '4111 1111 1111 1111', 'DE89370400440532013000', '123-45-6789'];
  beforeAll(async () => {
    ssh = await startSshSystem();
    letter = join(ssh.files, 'letter.txt');
    writeFileSync(letter, `${values.map((value, index) => `${index} ${value} end`).join('\n')}\n`);
  }, 180_000);
  afterAll(() => ssh?.stop());

  it.each([
    ['cat', (file: string) => `cat ${file}`],
    ['colours inside of a value', (file: string) => `grep --color=always -e miller -e 1111 -e 3704 -e 45- ${file}`],
    ['bytes that come one by one', (file: string) => `dd if=${file} bs=1 status=none`],
    ['standard error', (file: string) => `cat ${file} >&2`],
  ])('a command without a terminal: %s', async (_name, command) => {
    const ran = await ssh.ssh(ssh.way('alice'), command(letter));
    expect(ran.status).toBe(0);
    const shown = `${ran.stdout}${ran.stderr}`.replaceAll(colour, '');
    expect(shown).toBe('0 [email] end\n1 [card] end\n2 [iban] end\n3 [us-ssn] end\n');
  });

  it('a terminal keeps its columns', async () => {
    const ran = await ssh.ssh(ssh.way('alice'), `cat ${letter}`, { more: ['-tt'] });
    expect(ran.stdout).toBe(
      '0 [email***************] end\r\n1 [card*************] end\r\n2 [iban****************] end\r\n3 [us-ssn***] end\r\n',
    );
  });

  it('a terminal gets what comes in pieces at once, and only the rest of it is masked', async () => {
    const ran = await ssh.ssh(ssh.way('alice'), "printf 'see bob.mill'; sleep 0.5; printf 'er@example.com\\n'", {
      more: ['-tt'],
    });
    expect(ran.stdout).toMatch(/^see bob\.mill\*{14}\r\n$/);
  });

  it('an administrator, who is exempt, sees the values', async () => {
    const ran = await ssh.ssh(ssh.way('admin'), `cat ${letter}`);
    for (const value of values) expect(ran.stdout).toContain(value);
  });

  it('vim draws the same screen, but for the values', async () => {
    const screens: string[] = [];
    for (const person of ['admin', 'alice'] as const) {
      const { to, options, port } = ssh.way(person);
      const terminal = openTerminal(['ssh', ...options, '-p', String(port), to]);
      try {
        await terminal.until(/[$#] $/);
        const from = terminal.shown().length;
        terminal.write(`vim -u NONE -i NONE -n -R ${letter}\r`);
        const drawn = await terminal.until(/23;1H~[\s\S]*\?25h/, from);
        screens.push(drawn);
      } finally {
        terminal.kill();
      }
    }
    const [clear = '', masked = ''] = screens;
    for (const value of values) {
      expect(clear).toContain(value);
      expect(masked).not.toContain(value);
    }
    for (const mask of ['0 [email***************] end', '1 [card*************] end', '3 [us-ssn***] end'])
      expect(masked).toContain(mask);
    // Whatever is no value is the same: the sequences that draw the screen, and their number.
    const sequences = (screen: string) => screen.split(csi).length;
    expect(sequences(masked)).toBe(sequences(clear));
  });
});
