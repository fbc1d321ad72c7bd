import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTemporaryFolder } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FilteredRules } from './programs/filtered.ts';

const suite = openSshLane();
const program = join(import.meta.dirname, 'programs/filtered.ts');
const sftpServer = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/libexec/sftp-server',
].find((path) => existsSync(path));

/** Stands for ssh: runs the command, or the subsystem, of its last word behind a session engine. */
const ssh = (rules: string) => `#!/bin/sh
cd "$FAR"
for word; do last="$word"; done
[ "$last" = sftp ] && last='${sftpServer}'
exec '${process.execPath}' --conditions=source --disable-warning=ExperimentalWarning '${program}' '${rules}' sh -c "$last"
`;

suite('sftp and scp of OpenSSH', () => {
  const folder = createTemporaryFolder('weir-wire-ssh');
  const here = join(folder.path, 'here');
  const far = join(folder.path, 'far');
  const big = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7) % 251));
  const bigHash = createHash('sha256').update(big).digest('hex').slice(0, 8);
  let runs = 0;

  beforeAll(() => {
    mkdirSync(join(here, 'tree/sub'), { recursive: true });
    mkdirSync(far);
    writeFileSync(join(here, 'big'), big);
    writeFileSync(join(here, 'empty'), '');
    writeFileSync(join(here, 'tree/one'), 'one\n');
    writeFileSync(join(here, 'tree/sub/secret'), 'the secret\n');
    symlinkSync('one', join(here, 'tree/link'));
  });
  afterAll(() => folder.remove());

  /** Runs a client behind which the rules are; what it says, and what the host was told. */
  async function run(words: readonly string[], rules: Omit<FilteredRules, 'log'>, input = '') {
    runs++;
    const log = join(folder.path, `log-${runs}`);
    const wrapper = join(folder.path, `ssh-${runs}`);
    writeFileSync(wrapper, ssh(JSON.stringify({ ...rules, log })));
    chmodSync(wrapper, 0o755);
    const [command = '', ...rest] = words;
    const { code, stderr } = await new Promise<{ code: number; stderr: string }>((resolve) => {
      const child = execFile(
        command,
        ['-S', wrapper, ...rest],
        { cwd: here, env: { ...process.env, FAR: far }, timeout: 20_000 },
        (error, _stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), stderr }),
      );
      child.stdin?.end(input);
    });
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    return { code, stderr, log: lines.map((line) => line.replaceAll(far, 'FAR')) };
  }

  const sftp = { protocol: { name: 'sftp' } } as const;
  const scp = (mode: 'sink' | 'source', path: string, isFolder = false) =>
    ({ protocol: { name: 'scp', mode, paths: [path], isFolder } }) as const;
  const ended = (log: readonly string[]) => log.filter((line) => line.startsWith('ended open'));

  it.each([[false], [true]])('sftp carries files both ways (decisions take time: %s)', async (isSlow) => {
    const commands = [
      'put big',
      'put empty',
      'get big back',
      'get empty',
      'mkdir d',
      'rename empty d/e',
      'ls -l d',
      'rm d/e',
      'rmdir d',
    ];
    const { code, log } = await run(['sftp', '-b', '-', 'host'], { ...sftp, isSlow }, `${commands.join('\n')}\n`);
    expect(code).toBe(0);
    expect(readFileSync(join(here, 'back'))).toEqual(big);
    expect(ended(log)).toEqual([
      `ended open upload FAR/big: 200000 up 0 down ${bigHash} whole`,
      'ended open upload FAR/empty: 0 up 0 down e3b0c442 whole',
      `ended open download FAR/big: 0 up 200000 down ${bigHash} whole`,
      'ended open download FAR/empty: 0 up 0 down e3b0c442 whole',
    ]);
    expect(log).toEqual(expect.arrayContaining(['rename change FAR/empty -> FAR/d/e', 'rmdir change FAR/d', 'exit 0']));
  });

  it('sftp and scp say why a file is refused', async () => {
    const rules = { ...sftp, deny: ['denied'] };
    const { code, stderr, log } = await run(['scp', 'big', 'host:denied'], rules);
    expect(code).not.toBe(0);
    expect(stderr).toContain('weir: open denied is denied\nhint: ask\n');
    expect(log).toContain('deny open upload denied (FAR/denied)');
    expect(existsSync(join(far, 'denied'))).toBe(false);
  });

  it('scp over sftp carries a tree both ways', async () => {
    expect(await run(['scp', '-rp', 'tree', 'host:tree1'], sftp)).toMatchObject({ code: 0 });
    const { code, log } = await run(['scp', '-rp', 'host:tree1', 'tree2'], sftp);
    expect(code).toBe(0);
    expect(readFileSync(join(here, 'tree2/sub/secret'), 'utf8')).toBe('the secret\n');
    expect(ended(log).filter((line) => line.endsWith('whole'))).toHaveLength(3);
  });

  it('sftp ends where the content is refused, and where the size is', async () => {
    const refused = await run(['scp', 'tree/sub/secret', 'host:content'], { ...sftp, content: 'secret' });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('weir: the content is denied');
    expect(readFileSync(join(far, 'content'), 'utf8')).toBe('');
    const large = await run(['scp', 'big', 'host:size'], { ...sftp, maxBytes: 100_000 });
    expect(large.stderr).toMatch(/weir: \S*size is larger than the 100000 bytes that may pass/);
    expect(readFileSync(join(far, 'size')).length).toBeLessThanOrEqual(100_000);
  });

  it.each([[false], [true]])('scp -O carries files both ways (decisions take time: %s)', async (isSlow) => {
    rmSync(join(far, 'old'), { recursive: true, force: true });
    rmSync(join(here, 'old'), { force: true });
    const up = await run(['scp', '-O', 'big', 'host:old/'], { ...scp('sink', 'old/'), isSlow });
    expect([up.code, up.stderr]).toEqual([1, expect.stringContaining('old/')]);
    mkdirSync(join(far, 'old'));
    const again = await run(['scp', '-O', '-p', 'big', 'empty', 'host:old'], { ...scp('sink', 'old', true), isSlow });
    expect(again.code).toBe(0);
    expect(ended(again.log)).toEqual([
      `ended open upload old/big (null) 200000 bytes: 200000 up 0 down ${bigHash} whole`,
      'ended open upload old/empty (null) 0 bytes: 0 up 0 down e3b0c442 whole',
    ]);
    const down = await run(['scp', '-O', '-p', `host:${far}/old/big`, 'old'], {
      ...scp('source', `${far}/old/big`),
      isSlow,
    });
    expect([down.code, readFileSync(join(here, 'old'))]).toEqual([0, big]);
    expect(ended(down.log)).toEqual([
      `ended open download FAR/old/big 200000 bytes: 0 up 200000 down ${bigHash} whole`,
    ]);
  });

  it('scp -O carries a tree both ways without what is refused', async () => {
    const up = await run(['scp', '-O', '-r', 'tree', `host:${far}/otree`], {
      ...scp('sink', `${far}/otree`),
      deny: ['secret'],
    });
    expect(up.code).toBe(1);
    expect(up.stderr).toContain('weir: open');
    expect(readFileSync(join(far, 'otree/one'), 'utf8')).toBe('one\n');
    expect(existsSync(join(far, 'otree/sub/secret'))).toBe(false);
    writeFileSync(join(far, 'otree/sub/secret'), 'far secret\n');
    const down = await run(['scp', '-O', '-r', `host:${far}/otree`, 'otree'], {
      ...scp('source', `${far}/otree`),
      deny: ['secret'],
    });
    expect(down.code).toBe(1);
    expect(down.stderr).toContain(`weir: open ${far}/otree/sub/secret is denied`);
    expect(existsSync(join(here, 'otree/sub/secret'))).toBe(false);
    expect(readFileSync(join(here, 'otree/link'), 'utf8')).toBe('one\n');
    expect(down.log.filter((line) => line.startsWith('list'))).toEqual([
      'list list FAR/otree',
      'list list FAR/otree/sub',
    ]);
  });

  it('scp -O refuses a folder as a whole, and a file by its size', async () => {
    const folderDenied = await run(['scp', '-O', '-r', 'tree', `host:${far}/t2`], {
      ...scp('sink', `${far}/t2`),
      deny: ['t2'],
    });
    expect([folderDenied.code, existsSync(join(far, 't2'))]).toEqual([1, false]);
    const large = await run(['scp', '-O', 'big', `host:${far}/large`], {
      ...scp('sink', `${far}/large`),
      maxBytes: 1000,
    });
    expect(large.stderr).toContain('is larger than the 1000 bytes that may pass');
    expect(existsSync(join(far, 'large'))).toBe(false);
  });

  it.each([['up'], ['down']])('scp -O ends where the content is refused on its way %s', async (way) => {
    writeFileSync(join(far, 'osecret'), 'the secret\n');
    const words = way === 'up' ? ['tree/sub/secret', `host:${far}/oup`] : [`host:${far}/osecret`, 'odown'];
    const rules = way === 'up' ? scp('sink', `${far}/oup`) : scp('source', `${far}/osecret`);
    const { code, stderr, log } = await run(['scp', '-O', ...words], { ...rules, content: 'secret' });
    expect(code).not.toBe(0);
    expect(stderr).toContain('weir: the content is denied');
    expect(ended(log)[0]).toMatch(/0 up 0 down - weir: the content is denied$/);
    const file = way === 'up' ? join(far, 'oup') : join(here, 'odown');
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe('');
  });
});
