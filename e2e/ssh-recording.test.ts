import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiClient, SessionEventLine } from '@weir/api';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWeirCli, type WeirCli } from './fixture/cli.ts';
import { type SshSystem, startSshSystem } from './fixture/ssh-system.ts';
import { openTerminal } from './fixture/terminal.ts';
import { root, waitFor } from './fixture/wait.ts';

const policy = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: developers-on-hosts }
spec:
  who: { groups: [developers] }
  connections: { names: [demo-ssh] }
  opaque: allow
  ssh: { recordInput: true }
---
apiVersion: weir.dev/v1
kind: Access
metadata: { name: admins-on-hosts }
spec:
  who: { groups: [admins] }
  connections: { names: [demo-ssh] }
  opaque: allow
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: admins-are-watched }
spec:
  who: { groups: [admins] }
  connections: { names: [demo-ssh] }
  match: { kinds: [shell] }
  action: require-watcher
  watcher: { groups: [security], timeout: 1m }
`;
const program = join(root, 'apps/cli/dist/main.js');

openSshLane()('recordings of SSH sessions', () => {
  let ssh: SshSystem;
  let admin: ApiClient;
  let bob: WeirCli;
  beforeAll(async () => {
    ssh = await startSshSystem({ policy });
    admin = await ssh.system.as('admin');
    bob = createWeirCli(ssh.system, 'bob');
    expect((await bob.login()).status).toBe(0);
  });
  afterAll(() => ssh?.stop());

  const newest = async (): Promise<string> =>
    (await admin.listSessions({ connection: 'demo-ssh', limit: 1 }))[0]?.id ?? '';
  /** Events of the session, once the one that is waited for is there. */
  const eventsOf = async (id: string, until: string): Promise<SessionEventLine[]> =>
    waitFor(`${until} in the recording`, async () => {
      const events: SessionEventLine[] = [];
      for await (const line of admin.sessionEvents(id)) events.push(line);
      return events.some(({ event }) => event.event === until) ? events : undefined;
    });
  const shownIn = (events: readonly SessionEventLine[], stream = 'stdout'): Buffer =>
    Buffer.concat(
      events
        .map(({ event }) => event as { event: string; stream?: string; text?: string; base64?: string })
        .filter((event) => event.event === 'output' && event.stream === stream)
        .map(({ text, base64 }) => (text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text))),
    );
  const detail = (events: readonly SessionEventLine[], name: string) =>
    events.find(({ event }) => event.event === name)?.event;
  const openShell = (person: 'alice' | 'admin' = 'alice') => {
    const { to, options, port } = ssh.way(person);
    return openTerminal(['ssh', ...options, '-p', String(port), to]);
  };

  it('hold what a command wrote, its exit status, and a hash of what is too long', async () => {
    const short = await ssh.ssh(ssh.way(), 'echo out; echo err >&2; printf "\\377"; exit 7');
    expect(short.status).toBe(7);
    const events = await eventsOf(await newest(), 'exit');
    expect(shownIn(events).toString('latin1')).toBe('out\n\u00ff');
    expect(shownIn(events, 'stderr').toString()).toBe('err\n');
    expect(detail(events, 'statement')).toMatchObject({ phase: 'request', kind: 'exec', action: 'allow' });
    expect(detail(events, 'exit')).toMatchObject({ status: 7, stdoutBytes: 5, stderrBytes: 4, isWhole: true });
    expect(detail(events, 'channel-opened')).toMatchObject({ applicationName: expect.stringContaining('OpenSSH') });
    expect(events.map(({ event }) => event)).toContainEqual(
      expect.objectContaining({
        code: 'target-reached',
        message: expect.stringMatching(/^OpenSSH.*, host key SHA256:/),
      }),
    );

    const long = await ssh.ssh(ssh.way(), 'seq 1 400000');
    const recorded = await eventsOf(await newest(), 'exit');
    expect(shownIn(recorded).length).toBe(1024 * 1024);
    expect(detail(recorded, 'exit')).toMatchObject({
      ...{ isWhole: false, stdoutBytes: long.stdout.length },
      stdoutSha256: createHash('sha256').update(long.stdout).digest('hex'),
    });
    const found = await bob.json<{ session: string }[]>('sessions', 'search', 'seq 1 400000');
    expect(found).toHaveLength(1);
  });

  it('of a terminal are what it showed, byte by byte, and replay as such', async () => {
    const terminal = openShell();
    await terminal.until(/[$#] /);
    terminal.write('true typed\r');
    await terminal.until(/true typed\r\n.*[$#] $/s);
    terminal.resize(100, 30);
    terminal.write(
      'until [ "$(stty size)" = "30 100" ]; do sleep 0.1; done; printf "\\033[1mbold\\033[0m \\342\\202\\254\\n"; stty size; exit 3\r',
    );
    expect(await terminal.ended).toBe(3);
    const id = await newest();
    const events = await eventsOf(id, 'exit');
    const shown = shownIn(events).toString();
    expect(terminal.shown()).toContain(shown);
    expect(shown).toContain('\u001b[1mbold\u001b[0m €\r\n30 100\r\n');
    expect(detail(events, 'terminal')).toMatchObject({ term: 'xterm', columns: 80, rows: 24 });
    expect(events.findLast(({ event }) => event.event === 'resize')?.event).toMatchObject({ columns: 100, rows: 30 });
    expect(detail(events, 'exit')).toMatchObject({ status: 3 });
    const typed = events.filter(({ event }) => event.event === 'input').map(({ event }) => event['text']);
    expect(typed.join('')).toMatch(/^true typed\r.*stty size/);

    const cast = await bob.run(['sessions', 'export', id, '--format', 'asciicast']);
    const [header, ...lines] = cast.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(header).toMatchObject({ version: 2, width: 80, height: 24, env: { TERM: 'xterm' } });
    expect(
      lines
        .filter(([, code]) => code === 'o')
        .map(([, , text]) => text)
        .join(''),
    ).toBe(shown);
    expect(lines.filter(([, code]) => code === 'r').at(-1)).toEqual([expect.any(Number), 'r', '100x30']);
    const text = await bob.run(['sessions', 'export', id, '--format', 'text']);
    expect(text.stdout).toContain('| bold €');

    const replay = openTerminal([
      'env',
      `WEIR_HOME=${bob.home}`,
      process.execPath,
      program,
      'sessions',
      'replay',
      id,
      '--max-idle',
      '0.1',
    ]);
    await replay.until(/bold/);
    expect(await replay.ended).toBe(0);
    expect(replay.shown()).toContain('It ended with exit status 3.');
  });

  it('hold what a password prompt was told only as a number', async () => {
    const terminal = openShell();
    await terminal.until(/[$#] /);
    terminal.write("sh -c 'stty -echo; echo prompt:; read x; stty echo; echo got $x | tr a-z A-Z'\r");
    await terminal.until(/prompt:/);
    terminal.write('kept-secret\r');
    await terminal.until(/GOT KEPT-SECRET/);
    terminal.write('exit\r');
    await terminal.ended;
    const events = await eventsOf(await newest(), 'exit');
    const inputs = events.filter(({ event }) => event.event === 'input').map(({ event }) => event);
    expect(JSON.stringify(inputs)).not.toContain('kept-secret');
    expect(inputs.some(({ hiddenBytes }) => Number(hiddenBytes) >= 'kept-secret'.length)).toBe(true);
  });

  it('hold what happened to files, with hashes', async () => {
    const content = 'some content\n'.repeat(1000);
    const local = join(ssh.files, 'local.txt');
    writeFileSync(local, content);
    const batch = join(ssh.files, 'batch');
    writeFileSync(
      batch,
      `put ${local} ${ssh.files}/remote.txt\nrename ${ssh.files}/remote.txt ${ssh.files}/renamed.txt\n`,
    );
    const run = await ssh.run(ssh.way(), 'sftp', ['-b', batch, '{to}']);
    expect(run.status, run.stderr).toBe(0);
    const events = await eventsOf(await newest(), 'file');
    const files = events.filter(({ event }) => event.event === 'file').map(({ event }) => event);
    expect(files).toContainEqual(
      expect.objectContaining({
        ...{ path: `${ssh.files}/remote.txt`, bytes: content.length, isWhole: true, error: null },
        sha256: createHash('sha256').update(content).digest('hex'),
      }),
    );
    expect(files).toContainEqual(
      expect.objectContaining({ path: `${ssh.files}/remote.txt`, to: `${ssh.files}/renamed.txt` }),
    );
  });

  it('are watched live, within a second', async () => {
    const terminal = openShell();
    await terminal.until(/[$#] /);
    const watcher = bob.start(['sessions', 'watch', await newest()]);
    await waitFor('the watcher to see the prompt', () => (/terminal xterm/.test(watcher.stdout) ? true : undefined));
    const own = openTerminal([
      'env',
      `WEIR_HOME=${bob.home}`,
      process.execPath,
      program,
      'sessions',
      'watch',
      await newest(),
    ]);
    await own.until(/80 x 24, live\. q leaves\..*[$#] /s);
    terminal.write('echo li""ve-marker\r');
    await terminal.until(/live-marker/);
    const seenAt = Date.now();
    await waitFor('the watcher to see it', () => (watcher.stdout.includes('live-marker') ? true : undefined));
    expect(Date.now() - seenAt).toBeLessThan(1000);
    await own.until(/live-marker/);
    own.write('q');
    expect(await own.ended).toBe(0);
    expect(own.shown()).toContain('You do not watch any more.');
    terminal.write('exit\r');
    await terminal.ended;
    await watcher.ended;
    expect(watcher.stderr).toContain('the session has ended');
  });

  it('of a shell that must be watched show each step, and nothing passes while nobody watches', async () => {
    const terminal = openShell('admin');
    await terminal.until(/somebody of security watches it: weir sessions watch ses_/);
    const id = await newest();
    const first = bob.start(['sessions', 'watch', id]);
    const marker = join(ssh.files, 'paused-marker');
    await terminal.until(/[$#] $/);
    first.kill('SIGINT');
    await terminal.until(/nobody of security watches any more/);
    const from = terminal.shown().length;
    terminal.write(`touch ${marker}; echo un""seen\r`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(terminal.shown().slice(from)).toBe('');
    const look = await ssh.ssh(ssh.direct, `ls ${marker}`);
    expect(look.status).not.toBe(0);
    const second = bob.start(['sessions', 'watch', id]);
    await terminal.until(/bob watches/, from);
    await terminal.until(/unseen/, from);
    await bob.run(['sessions', 'kill', id, '--reason', 'enough seen']);
    await terminal.until(/enough seen/, from);
    expect(await terminal.ended).not.toBe(0);
    await second.ended;
    const codes = (await eventsOf(id, 'session-closed'))
      .filter(({ event, channel }) => event.event === 'note' && channel === 0)
      .map(({ event }) => event['code']);
    expect(codes).toEqual(['watcher-needed', 'watcher-came', 'session-paused', 'session-resumed']);
  });

  it('hold all that was shown when the gateway is killed in the middle of it, and verify', async () => {
    const terminal = openShell();
    await terminal.until(/[$#] /);
    const id = await newest();
    terminal.write('i=0; while :; do i=$((i+1)); echo line $i; done\r');
    await terminal.until(/line 500\r/);
    await ssh.system.gateway.kill('SIGKILL');
    await terminal.ended;
    await ssh.system.restart('gateway');
    const numbers = (text: string) => [...text.matchAll(/^line (\d+)\r$/gm)].map(([, number]) => Number(number));
    const shown = numbers(terminal.shown());
    const recorded = new Set(numbers(shownIn(await eventsOf(id, 'session-closed')).toString()));
    expect(shown.length).toBeGreaterThan(400);
    expect(shown.filter((number) => !recorded.has(number))).toEqual([]);
    const auditor = createWeirCli(ssh.system, 'bob');
    await auditor.login();
    expect(await auditor.run(['audit', 'verify', id])).toMatchObject({ status: 0 });
  });
});
