import { describe, expect, test } from 'vitest';
import {
  fingerprintOf,
  formatKeyLine,
  formatKnownHost,
  knownHostName,
  lengthAnd,
  parseAuthorizedKey,
  parseKeyLine,
  parseKnownHost,
  parsePublicKey,
} from '../src/index.ts';
import { authority, certificate, subject } from './support/example.ts';

const line = formatKeyLine(subject.key.type, subject.key.blob, 'alice@laptop');
const [, base64 = ''] = line.split(' ');

describe('a line of a key', () => {
  test('is read with its comment', () => {
    expect(parseKeyLine(`  ${line}\n`)).toMatchObject({ comment: 'alice@laptop', certificate: undefined });
    expect(parseKeyLine(`ssh-ed25519\t${base64}`).key.blob).toEqual(subject.key.blob);
  });

  test('may hold a certificate', () => {
    const { type, blob } = certificate();
    const read = parseKeyLine(formatKeyLine(type, blob));
    expect(read.certificate?.principals).toEqual(['alice']);
    expect(fingerprintOf(read.key)).toBe(fingerprintOf(subject.key));
  });

  const rsa = (bytes: number, exponent = Buffer.of(1, 0, 1)) =>
    Buffer.concat([
      lengthAnd('ssh-rsa'),
      lengthAnd(exponent),
      lengthAnd(Buffer.concat([Buffer.of(0), Buffer.alloc(bytes, 0xff)])),
    ]);
  test.each([
    ['nothing', ''],
    ['no base64 text', 'ssh-ed25519'],
    ['another type than the key', `ssh-rsa ${base64}`],
    ['a type that is not taken', formatKeyLine('ssh-dss', Buffer.concat([lengthAnd('ssh-dss'), lengthAnd('x')]))],
    ['options', `no-pty ${line}`],
    ['two lines', `${line}\n${line}`],
    ['an RSA key that is too short', formatKeyLine('ssh-rsa', rsa(128))],
    ['an RSA key that is too long', formatKeyLine('ssh-rsa', rsa(3000))],
    ['an RSA key with exponent 1', formatKeyLine('ssh-rsa', rsa(256, Buffer.of(1)))],
    ['an RSA key with an even exponent', formatKeyLine('ssh-rsa', rsa(256, Buffer.of(4)))],
    [
      'a short ed25519 key',
      formatKeyLine('ssh-ed25519', Buffer.concat([lengthAnd('ssh-ed25519'), lengthAnd(Buffer.alloc(31))])),
    ],
    [
      'a point that is not on its curve',
      formatKeyLine(
        'ecdsa-sha2-nistp256',
        Buffer.concat([lengthAnd('ecdsa-sha2-nistp256'), lengthAnd('nistp256'), lengthAnd(Buffer.alloc(65, 4))]),
      ),
    ],
    [
      'a curve that is not that of its type',
      formatKeyLine(
        'ecdsa-sha2-nistp256',
        Buffer.concat([lengthAnd('ecdsa-sha2-nistp256'), lengthAnd('nistp384'), lengthAnd(Buffer.alloc(65, 4))]),
      ),
    ],
    ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----'],
    ['very much text', `ssh-ed25519 ${'A'.repeat(60_000)}`],
  ])('is refused with %s', (_, text) => {
    expect(() => parseKeyLine(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  test('is refused when a field of the key claims more than there is', () => {
    const blob = Buffer.from(subject.key.blob);
    blob.writeUInt32BE(0xffff_ffff, 4 + 'ssh-ed25519'.length);
    expect(() => parsePublicKey(blob)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});

describe('a line of authorized_keys', () => {
  test.each([
    [line, []],
    [`cert-authority ${line}`, ['cert-authority']],
    [`cert-authority,principals="a,b" ${line}`, ['cert-authority', 'principals="a,b"']],
    [`command="echo \\"hi\\" x",no-pty\t${line}`, ['command="echo \\"hi\\" x"', 'no-pty']],
  ])('%s', (text, options) => {
    expect(parseAuthorizedKey(text)).toMatchObject({ options, comment: 'alice@laptop' });
  });

  test('may be empty or a comment', () => {
    expect(parseAuthorizedKey('')).toBeUndefined();
    expect(parseAuthorizedKey(` # ${line}`)).toBeUndefined();
  });

  test('is refused with a quote that does not end', () => {
    expect(() => parseAuthorizedKey(`command="x ${line}`)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

describe('a line of known_hosts', () => {
  test('is written and read', () => {
    const hosts = [knownHostName('gate.example', 22), knownHostName('gate.example', 2222)];
    const written = formatKnownHost(hosts, authority.key, 'cert-authority');
    expect(written).toBe(
      `@cert-authority gate.example,[gate.example]:2222 ssh-ed25519 ${authority.key.blob.toString('base64')}`,
    );
    expect(parseKnownHost(written)).toMatchObject({
      hosts,
      marker: 'cert-authority',
      key: { blob: authority.key.blob },
    });
    expect(parseKnownHost(`|1|abc=|def= ${line}`)).toMatchObject({ hosts: ['|1|abc=|def='], marker: undefined });
    expect(parseKnownHost('# nothing')).toBeUndefined();
  });

  test.each([`@other host ${line}`, 'host', `@cert-authority ${line}`])('is refused: %s', (text) => {
    expect(() => parseKnownHost(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
