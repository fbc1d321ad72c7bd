import { describe, expect, it } from 'vitest';
import { type ChannelEvent, plainText, type RecordEntry, type SessionEvent, toAsciicast } from '../src/index.ts';

const startMs = 1_700_000_000_500;
/** Entries of a session, from `[channel, milliseconds after the start, event]`. */
async function* session(
  events: readonly [channel: number, afterMs: number, event: object][],
): AsyncGenerator<RecordEntry> {
  let sequence = 0;
  for (const [channel, afterMs, event] of events) {
    sequence += 1;
    const atMs = startMs + afterMs;
    const whole = { ...event, atMs } as ChannelEvent | SessionEvent;
    yield { session: 'ses_1', channel, sequence, receivedAtMs: atMs, event: whole };
  }
}
const terminal = { event: 'terminal', term: 'xterm-256color', columns: 80, rows: 24 };
const output = (text: string) => ({ event: 'output', stream: 'stdout', text });
const bytes = (data: Buffer) => ({ event: 'output', stream: 'stdout', base64: data.toString('base64') });
const exit = { event: 'exit', statement: 1, status: 3, signal: null };

async function cast(events: Parameters<typeof session>[0], options: { version?: 2 | 3; channel?: number } = {}) {
  const lines: unknown[] = [];
  const { version = 2, channel } = options;
  for await (const line of toAsciicast(session(events), { version, channel, title: 'alice on web' })) {
    expect(line.endsWith('\n')).toBe(true);
    lines.push(JSON.parse(line));
  }
  return lines;
}
const header = {
  version: 2,
  width: 80,
  height: 24,
  timestamp: 1_700_000_000,
  title: 'alice on web',
  env: { TERM: 'xterm-256color' },
};
const shell: Parameters<typeof session>[0] = [
  [0, -5, { event: 'session-opened' }],
  [1, 0, terminal],
  [1, 100, output('$ ')],
  [1, 1500, { event: 'input', text: 'ls\r' }],
  [1, 1600, output('\u001b[1mfile\u001b[0m\r\n')],
  [1, 2000, { event: 'resize', columns: 120, rows: 40 }],
  [0, 2500, { event: 'note', code: 'session-paused', message: 'Nobody watches.' }],
  [1, 3000, exit],
];

describe('asciicast', () => {
  it('version 2 has a header and times since the start', async () => {
    expect(await cast(shell)).toEqual([
      header,
      [0.1, 'o', '$ '],
      [1.5, 'i', 'ls\r'],
      [1.6, 'o', '\u001b[1mfile\u001b[0m\r\n'],
      [2, 'r', '120x40'],
      [2.5, 'm', 'Nobody watches.'],
    ]);
  });

  it('version 3 has intervals and the exit status', async () => {
    expect(await cast(shell, { version: 3 })).toEqual([
      {
        version: 3,
        term: { cols: 80, rows: 24, type: 'xterm-256color' },
        timestamp: 1_700_000_000,
        title: 'alice on web',
      },
      [0.1, 'o', '$ '],
      [1.4, 'i', 'ls\r'],
      [0.1, 'o', '\u001b[1mfile\u001b[0m\r\n'],
      [0.4, 'r', '120x40'],
      [0.5, 'm', 'Nobody watches.'],
      [0.5, 'x', '3'],
    ]);
  });

  it('puts characters together that chunks cut in two, and shows what is no text as terminals do', async () => {
    const euro = Buffer.from('€');
    const lines = await cast([
      [1, 0, terminal],
      [1, 10, bytes(Buffer.concat([Buffer.from('1'), euro.subarray(0, 1)]))],
      [1, 20, bytes(euro.subarray(1))],
      [1, 30, bytes(Buffer.from([0xff, 0x41]))],
    ]);
    expect(lines.slice(1)).toEqual([
      [0.01, 'o', '1'],
      [0.02, 'o', '€'],
      [0.03, 'o', '\ufffdA'],
    ]);
  });

  it.each([
    ['the first terminal', undefined, 'two'],
    ['the terminal of a channel', 3, 'three'],
  ])('takes %s, and nothing of others', async (_, channel, text) => {
    const lines = await cast(
      [
        [1, 0, output('one')],
        [2, 5, terminal],
        [3, 6, terminal],
        [2, 7, output('two')],
        [3, 8, output('three')],
      ],
      channel === undefined ? {} : { channel },
    );
    expect(lines.slice(1)).toEqual([[expect.any(Number), 'o', text]]);
  });

  it('has no line when there is no terminal', async () => {
    expect(await cast([[1, 0, output('x')]])).toEqual([]);
    expect(await cast(shell, { channel: 7 })).toEqual([]);
  });

  it('never goes back in time, and bounds the sizes that a client claims', async () => {
    const lines = await cast([
      [1, 0, { ...terminal, columns: 0, rows: 0xffff_ffff }],
      [1, 100, output('a')],
      [1, 50, output('b')],
    ]);
    expect(lines).toEqual([{ ...header, width: 80, height: 10_000 }, [0.1, 'o', 'a'], [0.1, 'o', 'b']]);
  });
});

describe('plain text', () => {
  it.each([
    ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
    ['a title', '\u001b]0;secret\u0007after', 'after'],
    ['a title that ends with ST', '\u001b]2;t\u001b\\after', 'after'],
    ['a title without an end', 'before\u001b]0;never ends', 'before'],
    ['8-bit controls', '\u009b31mred\u009d0;t\u009cx', 'redx'],
    ['device control', '\u001bPq#0\u001b\\after', 'after'],
    ['character sets', '\u001b(Btext', 'text'],
    ['what was typed and taken back', 'lss\b \b', 'ls'],
    ['a line that is written anew', '10%\r100%', '100%'],
    ['line ends', 'a\r\nb\nc', 'a\nb\nc'],
    ['bells and other controls', 'a\u0007\u0000b\u000e', 'ab'],
    ['tabs', 'a\tb', 'a\tb'],
  ])('leaves out %s', (_, written, plain) => {
    expect(plainText(written)).toBe(plain);
  });

  it('takes hostile input in linear time', () => {
    const hostile = ['\u001b]', '\u001b[0;', '\u001bP\u001b', '\b\r'].map((part) => part.repeat(100_000)).join('');
    const before = performance.now();
    plainText(hostile);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
