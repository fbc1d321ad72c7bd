import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeCancelRequest,
  encodeSslRequest,
  encodeStartupMessage,
  parseFirstMessage,
  parsePasswordFrame,
} from '../src/index.ts';

const words = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeInt32BE(value, i * 4);
  return bytes;
};
const startup = (version: number, text: string) => {
  const body = Buffer.from(text);
  return Buffer.concat([words(8 + body.length, version), body]);
};
const v30 = 196_608;

describe('first message', () => {
  it('reads a StartupMessage with its parameters', () => {
    const parameters = { user: 'alice', database: 'shop', application_name: 'psql é' };
    const parsed = parseFirstMessage(encodeStartupMessage(parameters));
    expect(parsed).toMatchObject({
      kind: 'startup',
      major: 3,
      minor: 0,
      parameters,
      protocolOptions: [],
      needsNegotiation: false,
    });
  });

  it.each([
    [0, '', false, 0],
    [0, '_pq_.feature\0on\0', true, 0],
    [1, '', false, 1],
    [2, '', false, 2],
    [2, '_pq_.feature\0on\0', true, 2],
    [3, '', true, 2],
    [9999, '_pq_.feature\0on\0', true, 2],
  ])('protocol 3.%d with %j: negotiation %s, 3.%d is spoken', (minor, options, needsNegotiation, spokenMinor) => {
    const parsed = parseFirstMessage(startup(v30 + minor, `user\0a\0${options}\0`));
    const protocolOptions = options === '' ? [] : ['_pq_.feature'];
    expect(parsed).toMatchObject({ minor, spokenMinor, parameters: { user: 'a' }, protocolOptions, needsNegotiation });
  });

  it('shows the bytes behind an SSLRequest', () => {
    const parsed = parseFirstMessage(Buffer.concat([encodeSslRequest(), Buffer.from('smuggled')]));
    expect(parsed).toMatchObject({ kind: 'ssl-request', rest: Buffer.from('smuggled') });
  });

  it.each([4, 32, 256])('reads a CancelRequest with a key of %d bytes', (size) => {
    const key = Buffer.alloc(size, 7);
    expect(parseFirstMessage(encodeCancelRequest(-5, key))).toMatchObject({
      kind: 'cancel-request',
      processId: -5,
      secretKey: key,
    });
  });

  it.each([
    ['TLS', Buffer.from([0x16]), 'direct-tls'],
    ['GSSENCRequest', words(8, 80_877_104), 'gssenc-request'],
    ['nothing', Buffer.alloc(0), 'need-more'],
    ['one byte', Buffer.alloc(1), 'need-more'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n'), 'error'],
    ['one letter', Buffer.from('G'), 'error'],
    ['1 GB', words(0x3fffffff, v30), 'error'],
    ['10,001 bytes', words(10_001), 'error'],
    ['length 7', words(7), 'error'],
    ['negative length', words(-1), 'error'],
    ['protocol 2', startup(131_072, 'user\0a\0\0'), 'error'],
    ['protocol 4', startup(262_144, 'user\0a\0\0'), 'error'],
    ['no parameters', words(8, v30), 'error'],
    ['no end', startup(v30, 'user\0a'), 'error'],
    ['a name without value', startup(v30, 'user\0\0'), 'error'],
    ['bytes behind the end', startup(v30, 'user\0a\0\0x'), 'error'],
    ['a name twice', startup(v30, 'user\0a\0user\0b\0\0'), 'error'],
    ['a long SSLRequest', words(12, 80_877_103, 0), 'error'],
    ['a short cancel', words(12, 80_877_102, 1), 'error'],
    ['a long cancel', words(300, 80_877_102, 1), 'error'],
  ])('%s', (_what, bytes, kind) => {
    expect(parseFirstMessage(bytes).kind).toBe(kind);
  });

  it('needs more at every cut and never throws', () => {
    const whole = encodeStartupMessage({ user: 'alice', database: 'shop' });
    for (let end = 0; end < whole.length; end++)
      expect(parseFirstMessage(whole.subarray(0, end)).kind).toBe('need-more');
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void parseFirstMessage(Buffer.from(bytes))));
  });

  it.each([
    ['cut', Buffer.from('p\0\0'), 'need-more'],
    ['whole', Buffer.from('p\0\0\0\x06a\0rest', 'latin1'), 'password'],
    ['too long', Buffer.from('p\x3f\xff\xff\xff', 'latin1'), 'error'],
    ['another message', Buffer.from('Q'), 'error'],
  ])('password frame: %s', (_what, bytes, kind) => {
    expect(parsePasswordFrame(bytes).kind).toBe(kind);
  });
});
