import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CertificateClaims,
  type CertificateExpectation,
  certificateTypeOf,
  checkCertificate,
  includesAddress,
  parseCertificate,
  plainTypeOf,
  sshKeyTypes,
} from '../src/index.ts';
import { authority, certificate, nowMs, pair, subject } from './support/example.ts';

const expected: CertificateExpectation = {
  kind: 'user',
  authorities: [pair().key, authority.key],
  nowMs,
  principal: 'alice',
  address: '10.1.2.3',
};
const options = (...entries: [string, string][]) => ({ criticalOptions: new Map(entries) });
const now = BigInt(nowMs / 1000);

describe('a certificate is refused', () => {
  const table: readonly [string, Partial<CertificateClaims>, Partial<CertificateExpectation>, string][] = [
    ['of another authority', {}, { authorities: [pair().key] }, 'its authority is not trusted'],
    ['when nobody is trusted', {}, { authorities: [] }, 'its authority is not trusted'],
    ['when it has expired', { validBefore: now }, {}, 'it has expired'],
    ['before its time', { validAfter: now + 1n }, {}, 'it is not valid yet'],
    ['for another user', {}, { principal: 'bob' }, 'it is for somebody else'],
    ['for a name in other letters', {}, { principal: 'Alice' }, 'it is for somebody else'],
    ['without principals', { principals: [] }, {}, 'it is for somebody else'],
    ['with an empty principal', { principals: [''] }, {}, 'it is for somebody else'],
    ['of a host', { kind: 'host' }, {}, 'it is for a host, not for a user'],
    ['of a user, for a host', {}, { kind: 'host' }, 'it is for a user, not for a host'],
    ['with an unknown critical option', options(['no-x', '']), {}, 'its critical option "no-x" is not known'],
    ['from another address', options(['source-address', '10.2.0.0/16']), {}, 'it is for other client addresses'],
    [
      'from nowhere',
      options(['source-address', '0.0.0.0/0']),
      { address: undefined },
      'it is for other client addresses',
    ],
    [
      'with addresses that nobody understands',
      options(['source-address', '0.0.0.0/0,x']),
      {},
      'it is for other client addresses',
    ],
    [
      'of a host with an option',
      { kind: 'host', ...options(['force-command', 'x']) },
      { kind: 'host' },
      'a host has no critical options',
    ],
  ];
  test.each(table)('%s', (_, claims, expectation, why) => {
    expect(checkCertificate(certificate(claims), { ...expected, ...expectation })).toEqual({ isValid: false, why });
  });

  test('when another key signed it in the name of the authority', () => {
    const forged = certificate({}, { secret: pair().secret, key: authority.key });
    expect(checkCertificate(forged, expected)).toEqual({ isValid: false, why: 'its signature is wrong' });
  });

  test('when a byte of it was changed', () => {
    const { blob } = certificate();
    const seen = new Set<string>();
    for (let at = 0; at < blob.length; at += 1) {
      for (const bit of [1, 0x80]) {
        const changed = Buffer.from(blob);
        changed[at] = (changed[at] ?? 0) ^ bit;
        const verdict = outcome(changed);
        seen.add(verdict);
        expect(verdict, `byte ${at}`).not.toBe('valid');
      }
    }
    expect([...seen]).toContain('its signature is wrong');
  });

  test('when it is cut off anywhere, or something follows it', () => {
    const { blob } = certificate();
    for (let end = 0; end < blob.length; end += 1) expect(outcome(blob.subarray(0, end))).toBe('unreadable');
    expect(outcome(Buffer.concat([blob, Buffer.of(0)]))).toBe('unreadable');
  });

  test('when it is longer than any real one', () => {
    expect(outcome(Buffer.alloc(40_000))).toBe('unreadable');
  });
});

describe('a certificate is taken', () => {
  const table: readonly [string, Partial<CertificateClaims>, Partial<CertificateExpectation>][] = [
    ['for the user it names', {}, {}],
    ['among several names', { principals: ['bob', 'alice'] }, {}],
    ['from its first second on', { validAfter: now }, {}],
    ['to its last second', { validBefore: now + 1n }, {}],
    ['for ever', { validAfter: 0n, validBefore: 0xffff_ffff_ffff_ffffn }, {}],
    ['from an address that it names', options(['source-address', '192.168.0.1,10.1.0.0/16']), {}],
    ['of a host', { kind: 'host', principals: ['gate.example'] }, { kind: 'host', principal: 'gate.example' }],
    ['with extensions that nobody knows', { extensions: ['permit-pty', 'new@example'] }, {}],
  ];
  test.each(table)('%s', (_, claims, expectation) => {
    const verdict = checkCertificate(certificate(claims), { ...expected, ...expectation });
    expect(verdict).toEqual({ isValid: true, forceCommand: undefined, isVerifyRequired: false });
  });

  test('and says what its options demand', () => {
    const demanding = certificate(options(['force-command', 'date -u'], ['verify-required', '']));
    expect(checkCertificate(demanding, expected)).toEqual({
      isValid: true,
      forceCommand: 'date -u',
      isVerifyRequired: true,
    });
  });

  test.each(['ed25519', 'P-256', 'P-384', 'P-521', 'rsa'] as const)('by and for a key of %s', (kind) => {
    const signer = pair(kind);
    const made = certificate({ key: pair(kind).key }, signer);
    expect(checkCertificate(made, { ...expected, authorities: [signer.key] }).isValid).toBe(true);
  });
});

test('what is issued is read back alike', () => {
  const text = fc.string({ maxLength: 20 }).filter((value) => !/\p{Cc}/u.test(value) && value.isWellFormed());
  const claims = fc.record({
    serial: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
    keyId: text,
    principals: fc.array(text, { maxLength: 5 }),
    validAfter: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
    validBefore: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
    criticalOptions: fc.array(fc.tuple(text, text), { maxLength: 4 }).map((entries) => new Map(entries)),
    extensions: fc.uniqueArray(text, { maxLength: 4 }).map((names) => names.sort()),
    kind: fc.constantFrom('user' as const, 'host' as const),
  });
  fc.assert(
    fc.property(claims, (wanted) => {
      expect(certificate(wanted)).toMatchObject({ ...wanted, key: { blob: subject.key.blob } });
    }),
    { numRuns: 50 },
  );
});

test('noise is refused by an error of ours', () => {
  const { blob } = certificate();
  const edits = fc.array(fc.tuple(fc.nat(blob.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(edits, (changes) => {
      const changed = Buffer.from(blob);
      for (const [at, value] of changes) changed[at] = value;
      expect(outcome(changed) === 'valid').toBe(changed.equals(blob));
    }),
    { numRuns: 300 },
  );
});

test('types of certificates and of keys name each other', () => {
  for (const type of sshKeyTypes) expect(plainTypeOf(certificateTypeOf(type))).toBe(type);
  expect(certificateTypeOf('sk-ssh-ed25519@openssh.com')).toBe('sk-ssh-ed25519-cert-v01@openssh.com');
  expect(plainTypeOf('rsa-sha2-512-cert-v01@openssh.com')).toBe('rsa-sha2-512');
});

test.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.1', '::ffff:10.0.0.1', true],
  ['::ffff:10.0.0.0/104', '10.9.9.9', true],
  ['2001:db8::/32', '2001:db8:1::5', true],
  ['2001:db8::/32', '2001:db9::5', false],
  ['::1', '::1', true],
  ['0.0.0.0/0', '::1', false],
  ['0.0.0.0/33', '10.0.0.1', false],
  ['10.0.0/8', '10.0.0.1', false],
  ['010.0.0.0/8', '10.0.0.1', false],
  ['', '10.0.0.1', false],
  ['10.0.0.0/8', 'localhost', false],
  ['::/0', '1:2:3:4:5:6:7:8:9', false],
  ['1::2::3', '1::2', false],
])('the list %s and the address %s: %s', (list, address, isIncluded) => {
  expect(includesAddress(list, address)).toBe(isIncluded);
});

function outcome(blob: Buffer): string {
  try {
    const verdict = checkCertificate(parseCertificate(blob), expected);
    return verdict.isValid ? 'valid' : verdict.why;
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid_request' });
    return 'unreadable';
  }
}
