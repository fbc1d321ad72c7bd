import { createHash, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { lengthAnd, parsePublicKey, type SshPublicKey, signWith, uint32, verifySignature } from '../src/index.ts';
import { type Pair, pair } from './support/example.ts';

const text = Buffer.from('session identifier and request');

describe.each(['ed25519', 'P-256', 'P-384', 'P-521', 'rsa'] as const)('a signature of %s', (kind) => {
  const { key, secret } = pair(kind);
  test.each(key.algorithms)('%s is good for its text alone', (algorithm) => {
    const signature = signWith(secret, algorithm, text);
    expect(verifySignature(key, text, signature)).toEqual({ algorithm, securityKey: undefined });
    expect(verifySignature(key, Buffer.concat([text, text]), signature)).toBeUndefined();
    expect(verifySignature(pair(kind).key, text, signature)).toBeUndefined();
    for (let at = 0; at < signature.length; at += 7) {
      const changed = Buffer.from(signature);
      changed[at] = (changed[at] ?? 0) ^ 0x11;
      expect(verifySignature(key, text, changed), `byte ${at}`).toBeUndefined();
      expect(verifySignature(key, text, signature.subarray(0, at))).toBeUndefined();
    }
    expect(verifySignature(key, text, Buffer.concat([signature, Buffer.of(0)]))).toBeUndefined();
  });
});

test('RSA with SHA-1 is not taken', () => {
  const { key, secret } = pair('rsa');
  const signature = Buffer.concat([lengthAnd('ssh-rsa'), lengthAnd(sign('sha1', text, secret))]);
  expect(verifySignature(key, text, signature)).toBeUndefined();
});

describe.each(['sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com'])('a security key %s', (type) => {
  const base = pair(type.includes('ecdsa') ? 'P-256' : 'ed25519');
  const key = securityKey(type, base.key);
  const signed = (flags: number, counter: number, application = 'ssh:') =>
    byDevice(base, type, application, flags, counter);

  test('says whether it was touched and how often it signed', () => {
    expect(verifySignature(key, text, signed(1, 42))?.securityKey).toEqual({
      isTouched: true,
      isVerified: false,
      counter: 42,
    });
    expect(verifySignature(key, text, signed(5, 43))?.securityKey).toEqual({
      isTouched: true,
      isVerified: true,
      counter: 43,
    });
    expect(verifySignature(key, text, signed(0, 44))?.securityKey).toMatchObject({ isTouched: false });
  });

  test('signs for its application alone, and its flags and counter are signed', () => {
    expect(verifySignature(key, text, signed(1, 1, 'https://other.example'))).toBeUndefined();
    for (const back of [1, 2, 5]) {
      const changed = Buffer.from(signed(0, 1));
      changed[changed.length - back] = (changed.at(-back) ?? 0) ^ 1;
      expect(verifySignature(key, text, changed)).toBeUndefined();
    }
  });

  test('is no plain key', () => {
    const [plain = ''] = base.key.algorithms;
    expect(verifySignature(key, text, signWith(base.secret, plain, text))).toBeUndefined();
  });
});

function securityKey(type: string, { blob, type: plain }: SshPublicKey): SshPublicKey {
  return parsePublicKey(Buffer.concat([lengthAnd(type), blob.subarray(4 + plain.length), lengthAnd('ssh:')]));
}

/** What a FIDO device signs (OpenSSH PROTOCOL.u2f). */
function byDevice({ secret, key }: Pair, type: string, application: string, flags: number, counter: number): Buffer {
  const hash = (data: Buffer | string) => createHash('sha256').update(data).digest();
  const tail = Buffer.concat([Buffer.of(flags), uint32(counter)]);
  const [plain = ''] = key.algorithms;
  const signature = signWith(secret, plain, Buffer.concat([hash(application), tail, hash(text)]));
  return Buffer.concat([lengthAnd(type), signature.subarray(4 + plain.length), tail]);
}
