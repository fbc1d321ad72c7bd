import { PassThrough } from 'node:stream';
import type { ApiClient, SessionEventLine } from '@weir/api';
import { WeirError } from '@weir/errors';
import { describe, expect, it } from 'vitest';
import { createCli } from '../src/cli.ts';
import { entriesOf } from '../src/playback/recorded-entries.ts';
import { type ReplayOptions, replay } from '../src/playback/replay.ts';
import { createSequenceFilter } from '../src/playback/sequence-filter.ts';
import { watch } from '../src/playback/watch.ts';

/** Surroundings whose streams are terminals, or pipes. */
function createSurroundings(isTTY: boolean) {
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: (mode: boolean) => raw.push(mode) });
  const [stdout, stderr] = [new PassThrough(), new PassThrough()].map((stream) => Object.assign(stream, { isTTY }));
  const said = { out: '', err: '' };
  stdout?.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  stderr?.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  const cli = createCli({ env: {}, stdin, stdout: stdout as PassThrough, stderr: stderr as PassThrough });
  return { cli, stdin, said, raw };
}
const startMs = 1_700_000_000_000;
function lineOf(
  channel: number,
  afterMs: number,
  event: { event: string } & Record<string, unknown>,
): SessionEventLine {
  const atMs = startMs + afterMs;
  return { session: 'ses_abc', channel, sequence: 1, receivedAtMs: atMs, event: { atMs, ...event } };
}
async function* inOrder<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
const terminal = (channel: number, afterMs: number) =>
  lineOf(channel, afterMs, { event: 'terminal', term: 'xterm', columns: 80, rows: 24 });
const output = (channel: number, afterMs: number, text: string) =>
  lineOf(channel, afterMs, { event: 'output', stream: 'stdout', text });
const exit = (channel: number, afterMs: number, more = {}) =>
  lineOf(channel, afterMs, {
    ...{ event: 'exit', statement: 1, status: 0, signal: null, durationMs: 1, stdinBytes: 2, stdoutBytes: 3 },
    ...{ stderrBytes: 0, stdoutSha256: null, stderrSha256: null, isWhole: true, ...more },
  });
const note = (afterMs: number, message: string, more = {}) => ({
  ...lineOf(0, afterMs, { event: 'note', code: 'x', message, statement: null }),
  ...more,
});
const resets = '\u001b[?1049l';

describe('recorded control sequences', () => {
  const esc = '\u001b';
  it.each([
    [
      'text, colours and cursor stay',
      `a${esc}[1;31mb${esc}[2;3H${esc}[Kc\r\n\t`,
      `a${esc}[1;31mb${esc}[2;3H${esc}[Kc\r\n\t`,
    ],
    [
      'screens and modes stay',
      `${esc}[?1049h${esc}[?25l${esc}7${esc}=${esc}(0`,
      `${esc}[?1049h${esc}[?25l${esc}7${esc}=${esc}(0`,
    ],
    ['titles stay', `${esc}]0;host\u0007`, `${esc}]0;host\u0007`],
    ['8-bit controls become 7-bit ones', '\u009b1m', `${esc}[1m`],
    ['a question for attributes goes', `a${esc}[cb${esc}[>0cb${esc}[=c`, 'abb'],
    ['a question for the cursor goes', `${esc}[6n${esc}[?6n${esc}[5nx`, 'x'],
    ['a question for the title goes', `${esc}[21tx`, 'x'],
    ['a question for modes, settings, keys and versions goes', `${esc}[?1$p${esc}P$qm${esc}\\${esc}[?u${esc}[>qx`, 'x'],
    ['questions of old terminals go', `${esc}Z\u0005x`, 'x'],
    ['the clipboard is not reached', `${esc}]52;c;ZXZpbA==\u0007x`, 'x'],
    ['a colour is not asked for', `${esc}]11;?${esc}\\x`, 'x'],
    ['nothing is printed, no window moves', `${esc}[5i${esc}[3;0;0tx`, 'x'],
    ['mouse, focus and paste are not reported', `${esc}[?1000h${esc}[?1002;1006hx${esc}[?2004h`, 'x'],
    ['of several modes only the harmless stay', `${esc}[?25;1003h`, `${esc}[?25h`],
    ['a string never ends', `a${esc}]0;${'x'.repeat(100_000)}`, 'a'],
    ['a too long sequence goes as a whole', `a${esc}[${'1;'.repeat(5000)}mb`, 'ab'],
    ['a control character ends a title', `${esc}]0;a\nb\u0007x`, 'x'],
  ])('%s', (_, recorded, shown) => {
    expect(createSequenceFilter().of(recorded)).toBe(shown);
    const filter = createSequenceFilter();
    expect([...recorded].map((character) => filter.of(character)).join('')).toBe(shown);
  });
});

describe('weir sessions replay', () => {
  const recorded = [
    lineOf(1, -10, { event: 'channel-opened', applicationName: 'x', serverVersion: 'y' }),
    terminal(1, 0),
    output(1, 10, '$ '),
    output(2, 15, 'of another channel'),
    output(1, 60_000, 'ls\u001b[6n\r\n'),
    note(60_001, 'Nobody watches.'),
    exit(1, 60_002),
  ];
  const play = (
    cli: ReturnType<typeof createSurroundings>['cli'],
    options: Partial<ReplayOptions> = {},
    lines = recorded,
  ) => replay(cli, entriesOf(inOrder(lines)), { speed: 1, maxIdleMs: 20, raw: false, channel: undefined, ...options });

  it('plays with bounded pauses, and gives the terminal back', async () => {
    const { cli, said, raw } = createSurroundings(true);
    await play(cli);
    expect(said.out).toContain('$ ls\r\n');
    expect(said.out).toContain('Nobody watches.');
    expect(said.out).not.toContain('of another channel');
    expect(said.out.lastIndexOf(resets)).toBeGreaterThan(said.out.indexOf('ls'));
    expect(said.err).toBe('It ended with exit status 0.\n');
    expect(raw).toEqual([true, false]);
  });

  it('stands still with space, and ends with q', async () => {
    const { cli, stdin, said, raw } = createSurroundings(true);
    const playing = play(cli, { maxIdleMs: 100 });
    stdin.write(' ');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(said.out).not.toContain('ls');
    stdin.write('q');
    await playing;
    expect(said.out.endsWith('\r\n')).toBe(true);
    expect(raw).toEqual([true, false]);
  });

  it('goes on with the second space, as fast as asked', async () => {
    const { cli, stdin, said } = createSurroundings(true);
    const playing = play(cli, { maxIdleMs: Number.POSITIVE_INFINITY, speed: 1000 });
    stdin.write(' ');
    stdin.write(' ');
    await playing;
    expect(said.out).toContain('ls');
  });

  it('needs a terminal, or --raw', async () => {
    const { cli, said } = createSurroundings(false);
    await expect(play(cli)).rejects.toMatchObject({ code: 'invalid_request', fix: expect.stringContaining('--raw') });
    await play(cli, { raw: true });
    expect(said.out).toBe('$ ls\u001b[6n\r\n');
  });

  it.each([
    ['a session without a terminal', [output(1, 0, 'x')], undefined],
    ['a channel without a terminal', recorded, 2],
  ])('says that there is none in %s', async (_, lines, channel) => {
    const { cli } = createSurroundings(true);
    await expect(play(cli, { channel }, lines)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('weir sessions watch', () => {
  const ended = { ...note(20, 'the session has ended'), sequence: 0 };
  const apiOf = (lines: AsyncIterable<SessionEventLine>) =>
    ({ watchSession: () => lines, keepWatching: async () => undefined }) as unknown as ApiClient;
  const opened = lineOf(0, 0, {
    ...{ event: 'session-opened', principal: 'alice', connection: 'web', agent: 'a', via: 'native' },
    clientAddress: '::1',
  });

  it('shows a terminal as it is, and what is before and behind it as lines', async () => {
    const { cli, said, raw } = createSurroundings(true);
    const lines = [
      opened,
      terminal(1, 1),
      output(1, 2, '\u001b[1m$ '),
      note(3, 'Nobody of security watches.'),
      exit(1, 4),
      note(5, 'later'),
      ended,
    ];
    expect(await watch(cli, apiOf(inOrder(lines)), 'ses_abc', { json: false })).toBe(0);
    expect(said.out).toContain('alice on web');
    expect(said.out).toContain('\u001b[1m$ ');
    expect(said.out).toContain('Nobody of security watches.');
    expect(said.out.indexOf('note x: later')).toBeGreaterThan(said.out.lastIndexOf(resets));
    expect(said.err).toBe('The watch is over: the session has ended.\n');
    expect(raw).toEqual([true, false]);
  });

  it('is a transcript in a pipe, and NDJSON when asked', async () => {
    const lines = [terminal(1, 1), output(1, 2, '\u001b[1m$ '), ended];
    const piped = createSurroundings(false);
    await watch(piped.cli, apiOf(inOrder(lines)), 'ses_abc', { json: false });
    expect(piped.said.out).toBe('    0.000s [1] terminal xterm, 80 x 24\n    0.000s [1] | \\x1b[1m$ \n');
    const json = createSurroundings(true);
    await watch(json.cli, apiOf(inOrder(lines)), 'ses_abc', { json: true });
    expect(
      json.said.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(lines.slice(0, 2));
  });

  it('tells by its exit status that the watcher was sent away', async () => {
    const { cli, said } = createSurroundings(true);
    const lines = inOrder([
      terminal(1, 1),
      { ...ended, event: { ...ended.event, message: 'the watcher does not keep up' } },
    ]);
    expect(await watch(cli, apiOf(lines), 'ses_abc', { json: false })).toBe(5);
    expect(said.err).toContain('the watcher does not keep up');
  });

  it('ends with q, and gives the terminal back when the gateway is lost', async () => {
    const { cli, stdin, said } = createSurroundings(true);
    const api = {
      keepWatching: async () => undefined,
      async *watchSession(_id: string, signal: AbortSignal) {
        yield terminal(1, 1);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    } as unknown as ApiClient;
    const watching = watch(cli, api, 'ses_abc', { json: false });
    setTimeout(() => stdin.write('q'), 50);
    expect(await watching).toBe(0);
    expect(said.err).toBe('You do not watch any more.\n');

    const lost = createSurroundings(true);
    const breaking = (async function* () {
      yield terminal(1, 1);
      throw new WeirError('gateway_unavailable', 'The connection to the gateway broke.');
    })();
    await expect(watch(lost.cli, apiOf(breaking), 'ses_abc', { json: false })).rejects.toThrow('broke');
    expect(lost.raw).toEqual([true, false]);
  });
});
