import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createMessageReader,
  encodeDataHead,
  encodeExtendedDataHead,
  encodeMessage,
  type SshMessage,
} from '../src/index.ts';

const size = { columns: 80, rows: 24, widthPixels: 0, heightPixels: 600 };
const messages: readonly SshMessage[] = [
  { type: 'data', bytes: Buffer.from('hello') },
  { type: 'extended-data', code: 1, bytes: Buffer.from('oh') },
  { type: 'eof' },
  { type: 'close' },
  { type: 'success' },
  { type: 'failure' },
  ...(
    [
      { name: 'pty-req', term: 'xterm', ...size, modes: Buffer.from([53, 0, 0, 0, 1, 0]) },
      { name: 'x11-req', isSingle: true, protocol: 'MIT-MAGIC-COOKIE-1', cookie: 'ab', screen: 2 },
      { name: 'env', variable: 'LANG', value: 'C.UTF-8' },
      { name: 'shell' },
      { name: 'exec', command: 'echo ü' },
      { name: 'subsystem', subsystem: 'sftp' },
      { name: 'window-change', ...size },
      { name: 'xon-xoff', isClientDoing: true },
      { name: 'signal', signal: 'TERM' },
      { name: 'break', lengthMs: 500 },
      { name: 'exit-status', status: 254 },
      { name: 'exit-signal', signal: 'KILL', isCoreDumped: true, message: 'gone' },
      { name: 'auth-agent-req@openssh.com' },
      { name: 'eow@openssh.com' },
      { name: 'other', type: 'x@example.com', data: Buffer.from([1, 2]) },
    ] as const
  ).map((request, i) => ({ type: 'request' as const, wantReply: i % 2 === 0, request })),
  ...(
    [
      { name: 'tcpip-forward', host: 'localhost', port: 0 },
      { name: 'cancel-tcpip-forward', host: '', port: 65_535 },
      { name: 'streamlocal-forward@openssh.com', path: '/tmp/s' },
      { name: 'cancel-streamlocal-forward@openssh.com', path: '/tmp/s' },
      { name: 'keepalive@openssh.com' },
      { name: 'no-more-sessions@openssh.com' },
      { name: 'other', type: 'y@example.com', data: Buffer.alloc(0) },
    ] as const
  ).map((request, i) => ({ type: 'global-request' as const, wantReply: i % 2 === 0, request })),
  { type: 'request-success', port: null },
  { type: 'request-success', port: 4711 },
  { type: 'request-failure' },
  ...(
    [
      { type: 'forwarded-tcpip', listener: { host: 'l', port: 1 }, origin: { host: 'o', port: 2 } },
      { type: 'forwarded-streamlocal@openssh.com', path: '/s' },
      { type: 'x11', origin: { host: '::1', port: 3 } },
      { type: 'auth-agent@openssh.com' },
    ] as const
  ).map((channel, number) => ({ type: 'open' as const, number, channel })),
  { type: 'open-confirmation' },
  { type: 'open-failure', reason: 1, text: 'no' },
  { type: 'disconnect', reason: 11, text: 'bye' },
];
const stream = Buffer.concat(messages.map(encodeMessage));

/** Everything that is read; neighbouring pieces of the same message are put together. */
function read(chunks: readonly Buffer[]): SshMessage[] {
  const reader = createMessageReader();
  const found: SshMessage[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let message = reader.next(); message !== null; message = reader.next()) {
      const last = found.at(-1);
      if ((message.type === 'data' || message.type === 'extended-data') && last?.type === message.type)
        found.splice(-1, 1, { ...message, bytes: Buffer.concat([last.bytes, message.bytes]) });
      else found.push(message);
    }
  }
  return found;
}

describe('messages of a lane channel', () => {
  it('are read as they were written', () => {
    expect(read([stream])).toEqual(messages);
  });

  it('are read the same however their bytes are split', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 40 }), (cuts) => {
        const points = [...new Set([0, ...cuts])].sort((a, b) => a - b);
        expect(read(points.map((from, i) => stream.subarray(from, points[i + 1])))).toEqual(messages);
      }),
    );
    expect(read(Array.from(stream, (byte) => Buffer.from([byte])))).toEqual(messages);
  });

  it('have heads behind which bulk data goes as it is', () => {
    const payload = Buffer.alloc(100_000, 7);
    expect(read([encodeDataHead(payload.length), payload])).toEqual([{ type: 'data', bytes: payload }]);
    expect(read([encodeExtendedDataHead(1, 0), encodeExtendedDataHead(1, 2), payload.subarray(0, 2)])).toEqual([
      { type: 'extended-data', code: 1, bytes: payload.subarray(0, 2) },
    ]);
  });

  it.each([
    ['of no length', [0, 0, 0, 0, 96], 'an empty message'],
    ['of an unknown number', [0, 0, 0, 1, 1 + 100], 'unknown number'],
    ['too long for its fields', [0, 0, 0, 2, 96, 0], 'longer than its fields'],
    ['too short for its fields', [0, 0, 0, 3, 98, 0, 0], 'in the middle of a field'],
    ['whose text is longer than itself', [0, 0, 0, 9, 98, 255, 255, 255, 255, 0, 0, 0, 0], 'in the middle of a field'],
    ['whose text is not UTF-8', [0, 0, 0, 7, 98, 0, 0, 0, 1, 255, 0], 'not UTF-8'],
    ['of data that claims another length', [0, 0, 0, 6, 94, 0, 0, 0, 2, 1], 'longer or shorter'],
    ['of data without a length', [0, 0, 0, 4, 94, 0, 0, 0, 0], 'in the middle of a field'],
    ['of a huge length', [255, 255, 255, 255, 98, 0, 0, 0, 0], 'exceeds'],
    ['of an unknown channel', [0, 0, 0, 10, 90, 0, 0, 0, 1, 120, 0, 0, 0, 0], 'unknown type'],
  ])('%s end the stream', (_what, bytes, why) => {
    expect(() => read([Buffer.from(bytes)])).toThrow(why);
    expect(() => read(bytes.map((byte) => Buffer.from([byte])))).toThrow(why);
  });

  it('of a request whose text is not UTF-8 keep its type', () => {
    const request = encodeMessage({ type: 'request', wantReply: true, request: { name: 'exec', command: '\u00ff' } });
    request[request.length - 1] = 0xff;
    expect(read([request, encodeMessage({ type: 'eof' })])).toEqual([
      { type: 'request', wantReply: true, request: { name: 'other', type: 'exec', data: request.subarray(-6) } },
      { type: 'eof' },
    ]);
  });

  it('never throw anything but a refusal, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          read([Buffer.from(bytes)]);
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^(protocol_violation|message_too_large)$/);
        }
      }),
    );
  });
});
