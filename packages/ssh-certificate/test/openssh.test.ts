import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSshKey, createTemporaryFolder, runCommand, type SshKey, signSshKey } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  BlobReader,
  checkCertificate,
  fingerprintOf,
  formatKeyLine,
  formatPrivateKey,
  lengthAnd,
  parseKeyLine,
  verifySignature,
} from '../src/index.ts';
import { authority, certificate, pair } from './support/example.ts';

const kinds = ['ed25519', 'ecdsa -b 256', 'ecdsa -b 384', 'ecdsa -b 521', 'rsa'];

openSshLane()('with ssh-keygen', () => {
  const folder = createTemporaryFolder('weir-certificate');
  const keys = new Map<string, SshKey>();
  const keygen = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await runCommand('ssh-keygen', args);
    expect(stderr + stdout, args.join(' ')).toBeTypeOf('string');
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  beforeAll(async () => {
    for (const [index, kind] of kinds.entries()) {
      const path = join(folder.path, `key${index}`);
      await keygen('-q', '-t', ...kind.split(' '), '-N', '', '-C', `key${index}`, '-f', path);
      keys.set(kind, { path, publicPath: `${path}.pub`, publicKey: readFileSync(`${path}.pub`, 'utf8').trim() });
    }
  });
  afterAll(() => folder.remove());

  describe.each(kinds)('%s', (kind) => {
    const keyOf = (): SshKey => keys.get(kind) as SshKey;

    test('its fingerprint is the same', async () => {
      const { key, comment } = parseKeyLine(keyOf().publicKey);
      expect(await keygen('-lf', keyOf().publicPath)).toContain(`${fingerprintOf(key)} ${comment} `);
    });

    test('its signature is good', async () => {
      const file = join(folder.path, `text-${keyOf().publicKey.length}`);
      writeFileSync(file, 'some text');
      await keygen('-q', '-Y', 'sign', '-f', keyOf().path, '-n', 'test', file);
      const armoured = readFileSync(`${file}.sig`, 'utf8');
      const reader = new BlobReader(Buffer.from(armoured.replaceAll(/-----.*-----|\s/g, ''), 'base64'));
      // OpenSSH PROTOCOL.sshsig
      reader.take(6 + 4);
      expect(reader.bytes()).toEqual(parseKeyLine(keyOf().publicKey).key.blob);
      const [space, reserved, hash] = [reader.bytes(), reader.bytes(), reader.bytes()];
      const digest = createHash(hash.toString()).update('some text').digest();
      const signed = Buffer.concat([Buffer.from('SSHSIG'), ...[space, reserved, hash, digest].map(lengthAnd)]);
      expect(verifySignature(parseKeyLine(keyOf().publicKey).key, signed, reader.bytes())).toBeDefined();
    });

    test('its certificates are taken, and those of its own making', async () => {
      const { line } = await signSshKey(keyOf(), keyOf().publicKey, {
        principals: ['alice', 'bob'],
        serial: 99,
        options: ['force-command=date', 'source-address=127.0.0.0/8', 'verify-required'],
      });
      const { certificate: read, key } = parseKeyLine(line);
      expect(read).toMatchObject({ serial: 99n, keyId: 'test', principals: ['alice', 'bob'], kind: 'user' });
      expect(read?.extensions).toContain('permit-pty');
      const expected = {
        kind: 'user',
        authorities: [key],
        nowMs: Date.now(),
        principal: 'bob',
        address: '127.0.0.1',
      } as const;
      expect(read && checkCertificate(read, expected)).toEqual({
        isValid: true,
        forceCommand: 'date',
        isVerifyRequired: true,
      });
    });

    test('reads the certificates that we issue for it', async () => {
      const { key } = parseKeyLine(keyOf().publicKey);
      const issued = certificate({ key, criticalOptions: new Map([['force-command', 'date']]) });
      const file = join(folder.path, 'issued-cert.pub');
      writeFileSync(file, `${formatKeyLine(issued.type, issued.blob)}\n`);
      const shown = await keygen('-Lf', file);
      expect(shown).toContain(`Signing CA: ED25519 ${fingerprintOf(authority.key)}`);
      for (const part of ['Key ID: "weir:alice"', 'Serial: 7', 'alice', 'force-command date', 'permit-pty']) {
        expect(shown).toContain(part);
      }
    });
  });

  test('it refuses to read a certificate of ours that was changed', async () => {
    const { type, blob } = certificate();
    const changed = Buffer.from(blob);
    changed[changed.length - 3] = (changed.at(-3) ?? 0) ^ 1;
    const file = join(folder.path, 'changed-cert.pub');
    writeFileSync(file, `${formatKeyLine(type, changed)}\n`);
    await expect(keygen('-Lf', file)).rejects.toThrow();
  });

  test('it takes a private key that we write', async () => {
    const { secret, key } = pair();
    const file = join(folder.path, 'ours');
    writeFileSync(file, formatPrivateKey(secret, 'a comment'));
    chmodSync(file, 0o600);
    expect((await keygen('-yf', file)).trim()).toBe(formatKeyLine(key.type, key.blob, 'a comment'));
  });

  test('an authority of each kind signs with an algorithm that is taken', async () => {
    const ca = await createSshKey(folder.path, 'ca_rsa', 'rsa');
    const { line } = await signSshKey(ca, keys.get('ed25519')?.publicKey ?? '', { principals: ['x'], isHost: true });
    const { certificate: read } = parseKeyLine(line);
    const authorities = [parseKeyLine(ca.publicKey).key];
    const expected = { kind: 'host', authorities, nowMs: Date.now(), principal: 'x', address: undefined } as const;
    expect(read && checkCertificate(read, expected)).toMatchObject({ isValid: true });
  });
});
