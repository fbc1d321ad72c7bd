import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChannelEvent,
  encodeInput,
  encodeOutput,
  type InputTyped,
  maxEventBytes,
  maxStreamEventBytes,
  type OutputShown,
  streamBytesOf,
  toRecordEntry,
} from '../src/index.ts';

const read = (eventJson: Buffer, channel = 1) =>
  toRecordEntry('ses_1', { channel, sequence: 1, receivedAtMs: 7, eventJson }).event;
const readValue = (value: unknown, channel = 1) => read(Buffer.from(JSON.stringify(value)), channel);

const sha256 = 'a'.repeat(64);
const exit = {
  event: 'exit',
  atMs: 1,
  statement: 1,
  status: 0,
  signal: null,
  durationMs: 1.5,
  stdinBytes: 0,
  stdoutBytes: 3,
  stderrBytes: 0,
  stdoutSha256: sha256,
  stderrSha256: null,
  isWhole: true,
} as const;
const file = {
  event: 'file',
  atMs: 1,
  statement: 2,
  operation: 'rename',
  path: '/a',
  to: '/b',
  bytes: 0,
  sha256: null,
  isWhole: true,
  error: null,
} as const;
const opened = { event: 'channel-opened', atMs: 1, applicationName: 'OpenSSH_9.2', serverVersion: '' } as const;

describe('events of SSH channels', () => {
  it.each<[string, ChannelEvent]>([
    ['a channel', { ...opened, ssh: { type: 'session', connection: 1, hostKey: 'SHA256:abc' } }],
    ['a channel of an old recording', opened],
    ['a terminal', { event: 'terminal', atMs: 1, term: 'xterm-256color', columns: 80, rows: 24 }],
    ['the largest size that the protocol can say', { event: 'resize', atMs: 1, columns: 0xffff_ffff, rows: 0 }],
    ['output', { event: 'output', atMs: 1, stream: 'stderr', text: 'x\u001b[0m\r\n' }],
    ['output that is not text', { event: 'output', atMs: 1, stream: 'stdout', base64: '/w==' }],
    ['input', { event: 'input', atMs: 1, text: 'ls\r' }],
    ['hidden input', { event: 'input', atMs: 1, text: '', hiddenBytes: 9 }],
    ['an exit', exit],
    ['an end by a signal', { ...exit, status: null, signal: 'KILL', stdoutSha256: null, isWhole: false }],
    ['a file operation', file],
    ['a forward', { event: 'forward', atMs: 1, statement: 1, destination: 'db:5432', bytesUp: 1, bytesDown: 2 }],
  ])('reads %s as it was written', (_, event) => {
    expect(readValue(event)).toEqual(event);
  });

  it.each([
    ['output without bytes', { event: 'output', atMs: 1, stream: 'stdout' }],
    ['output with both', { event: 'output', atMs: 1, stream: 'stdout', text: 'a', base64: 'YQ==' }],
    ['output of another stream', { event: 'output', atMs: 1, stream: 'stdin', text: 'a' }],
    ['base64 with other characters', { event: 'output', atMs: 1, stream: 'stdout', base64: 'a b=' }],
    ['base64 cut short', { event: 'input', atMs: 1, base64: 'YQ=' }],
    ['a negative size', { event: 'resize', atMs: 1, columns: -1, rows: 24 }],
    ['a size beyond 32 bits', { event: 'terminal', atMs: 1, term: 'x', columns: 2 ** 32, rows: 24 }],
    ['half a column', { event: 'resize', atMs: 1, columns: 1.5, rows: 24 }],
    ['a hash that is none', { ...exit, stdoutSha256: 'A'.repeat(64) }],
    ['a status that is a text', { ...exit, status: '0' }],
    ['a negative count', { ...file, bytes: -1 }],
    ['a channel without a type', { ...opened, ssh: { connection: 1, hostKey: null } }],
  ])('shows %s as a note, never leaves it out', (_, event) => {
    expect(readValue(event)).toMatchObject({ event: 'note', code: 'unreadable-event' });
  });

  it('takes none of them from the gateway', () => {
    expect(readValue(exit, 0)).toMatchObject({ event: 'note', code: 'unreadable-event' });
  });
});

describe('streams', () => {
  const outputOf = (bytes: Uint8Array) => read(encodeOutput(5, 'stdout', bytes)) as OutputShown;

  it('gives back every byte, as text when it is whole UTF-8', () => {
    const text = fc.string({ unit: 'binary' }).map((value) => Buffer.from(value));
    fc.assert(
      fc.property(fc.oneof(text, fc.uint8Array()), (bytes) => {
        const event = outputOf(bytes);
        expect(event).toMatchObject({ event: 'output', atMs: 5, stream: 'stdout' });
        expect(streamBytesOf(event)).toEqual(Buffer.from(bytes));
        const isText = Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes);
        expect(event.text !== undefined).toBe(isText);
      }),
    );
  });

  it('keeps a character that the chunk cuts in two', () => {
    const euro = Buffer.from('€');
    const pieces = [euro.subarray(0, 2), euro.subarray(2)].map((piece) => streamBytesOf(outputOf(piece)));
    expect(Buffer.concat(pieces).toString('utf8')).toBe('€');
  });

  it('tells how much typed text it hides', () => {
    expect(read(encodeInput(3, Buffer.alloc(0), 8))).toEqual({ event: 'input', atMs: 3, text: '', hiddenBytes: 8 });
    const typed = read(encodeInput(3, Buffer.from('ls\r'))) as InputTyped;
    expect(typed).toEqual({ event: 'input', atMs: 3, text: 'ls\r' });
    expect(streamBytesOf(typed).toString()).toBe('ls\r');
  });

  it.each([
    ['control characters', Buffer.alloc(maxStreamEventBytes)],
    ['noise', randomBytes(maxStreamEventBytes)],
  ])('keeps the largest chunk of %s within the bound of events', (_, bytes) => {
    const json = encodeOutput(Date.now(), 'stderr', bytes);
    expect(json.length).toBeLessThanOrEqual(maxEventBytes);
    expect(streamBytesOf(read(json) as OutputShown).equals(bytes)).toBe(true);
  });

  it('refuses a larger one', () => {
    expect(() => encodeOutput(1, 'stdout', Buffer.alloc(maxStreamEventBytes + 1))).toThrow(RangeError);
  });
});
