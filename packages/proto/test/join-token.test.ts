import { joinTokenText, tryJoinToken } from '@weir/proto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const token = { address: '[::1]:7443', caPins: ['a0'.repeat(32)], secret: 's'.repeat(43) };

describe('join token text', () => {
  test('is one word that survives a copy with white space around it', () => {
    const text = joinTokenText(token);
    expect(text).toMatch(/^\S+$/);
    expect(tryJoinToken(`\n  ${text} \r\n`)).toEqual(token);
  });

  const text = joinTokenText(token);
  test.each([
    ['empty', ''],
    ['another word', 'hello'],
    ['the prefix alone', 'weir-join.'],
    ['cut short', text.slice(0, -12)],
    ['JSON of another shape', `weir-join.${Buffer.from('{"address":"a:1"}').toString('base64url')}`],
    ['a pin that is no SHA-256', joinTokenText({ ...token, caPins: ['abc'] })],
    ['an address without a port', joinTokenText({ ...token, address: 'gateway' })],
    ['a short secret', joinTokenText({ ...token, secret: 'x' })],
    ['too long', joinTokenText({ ...token, secret: 'x'.repeat(5000) })],
  ])('%s is not one', (_name, bad) => {
    expect(tryJoinToken(bad)).toBeUndefined();
  });

  test('never throws', () => {
    fc.assert(fc.property(fc.string(), (body) => tryJoinToken(`weir-join.${body}`) !== null));
  });
});
