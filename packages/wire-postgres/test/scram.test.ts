import { describe, expect, it } from 'vitest';
import {
  createScramServer,
  encodeSaslInitialResponse,
  makeMockScramVerifier,
  makeScramVerifier,
  type ScramVerifier,
  scramSha256,
} from '../src/index.ts';
import { createScramClient } from '../src/scram-client.ts';

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const verifier = makeScramVerifier('pencil', salt, 4096);
const body = (frame: Buffer) => frame.subarray(5);
const sasl = (mechanism: string, text: string) => body(encodeSaslInitialResponse(mechanism, Buffer.from(text)));

interface Setup {
  password?: string;
  verifier?: ScramVerifier;
  serverHash?: Buffer;
  clientHash?: Buffer;
  offered?: string[];
}

/** A whole exchange between the two sides of this package. */
function exchange(setup: Setup): string {
  const nonces = { client: 'rOprNGfwEbeRWgbNEkqO', server: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0' };
  const binding = setup.serverHash ? { tlsServerEndPointHash: setup.serverHash } : {};
  const server = createScramServer({ verifier: setup.verifier ?? verifier, nonce: nonces.server, ...binding });
  const offered = setup.offered ?? body(server.start()).toString('latin1', 4).split('\0').filter(Boolean);
  const bound = setup.clientHash ? { tlsServerEndPointHash: setup.clientHash } : {};
  const client = createScramClient({
    password: setup.password ?? 'pencil',
    nonce: nonces.client,
    mechanisms: offered,
    ...bound,
  });
  const first = server.receive(body(encodeSaslInitialResponse(client.mechanism, client.first)));
  if (first.kind !== 'continue') return first.kind === 'failed' ? first.error.code : 'early';
  const last = server.receive(client.onServerFirst(first.send.subarray(9)));
  if (last.kind !== 'ok') return last.kind === 'failed' ? last.error.code : 'endless';
  client.onServerFinal(last.send.subarray(9, last.send.readInt32BE(1) + 1));
  return `ok ${client.mechanism}`;
}

describe('SCRAM', () => {
  const hash = Buffer.alloc(32, 1);
  it.each<[string, Setup, string]>([
    ['the right password', {}, 'ok SCRAM-SHA-256'],
    ['a wrong password', { password: 'pencils' }, 'wrong_password'],
    ['an unknown user', { verifier: makeMockScramVerifier('nobody', Buffer.alloc(32, 9), 4096) }, 'wrong_password'],
    ['bound to the TLS channel', { serverHash: hash, clientHash: hash }, 'ok SCRAM-SHA-256-PLUS'],
    ['another channel in between', { serverHash: hash, clientHash: Buffer.alloc(32, 2) }, 'protocol_violation'],
    [
      'PLUS hidden by somebody in between',
      { serverHash: hash, clientHash: hash, offered: [scramSha256] },
      'protocol_violation',
    ],
    ['a client under TLS, a server that cannot bind', { clientHash: hash }, 'ok SCRAM-SHA-256'],
    ['a client that does not bind', { serverHash: hash }, 'ok SCRAM-SHA-256'],
  ])('%s', (_what, setup, expected) => {
    expect(exchange(setup)).toBe(expected);
  });

  it('is the exchange of RFC 7677, section 3', () => {
    const server = createScramServer({ verifier, nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0' });
    const first = server.receive(sasl(scramSha256, 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO'));
    expect(first.kind === 'continue' && first.send.toString('utf8', 9)).toBe(
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    );
    const final =
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';
    const last = server.receive(Buffer.from(final));
    expect(last.kind === 'ok' && last.send.toString('latin1')).toContain(
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
    expect(server.receive(Buffer.from(final)).kind).toBe('failed');
  });

  it.each([
    ['an unknown mechanism', sasl('PLAIN', 'n,,n=,r=abc')],
    ['PLUS that was not offered', sasl('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,n=,r=abc')],
    ['an authorization identity', sasl(scramSha256, 'n,a=bob,n=,r=abc')],
    ['no nonce', sasl(scramSha256, 'n,,n=,r=')],
    ['no header', sasl(scramSha256, 'n=,r=abc')],
    ['a mandatory extension', sasl(scramSha256, 'n,,m=x,n=,r=abc')],
    ['a length beyond the message', Buffer.from('SCRAM-SHA-256\0\x3f\xff\xff\xff', 'latin1')],
    ['nothing', Buffer.alloc(0)],
  ])('%s fails', (_what, message) => {
    const server = createScramServer({ verifier, nonce: 'nonce-of-the-server' });
    expect(server.receive(message).kind).toBe('failed');
    expect(server.receive(sasl(scramSha256, 'n,,n=,r=abc')).kind).toBe('failed');
  });

  it.each(['pässword', '', 'tab\t'])('a verifier for %j is refused', (password) => {
    expect(() => makeScramVerifier(password, salt, 4096)).toThrow(/ASCII/);
  });

  it('a mock salt stays the same for a name', () => {
    const secret = Buffer.alloc(32, 9);
    expect(makeMockScramVerifier('a', secret, 4096)).toEqual(makeMockScramVerifier('a', secret, 4096));
    expect(makeMockScramVerifier('a', secret, 4096).salt).not.toEqual(makeMockScramVerifier('b', secret, 4096).salt);
  });

  it.each([
    'r=abcdef,s=AAAA,i=10000000',
    'r=abcdef,s=AAAA,i=0',
    'r=other,s=AAAA,i=4096',
    'r=abc,s=AAAA,i=4096',
    'r=abcdef,s=,i=4096',
    'e=no',
  ])('the client refuses the server-first message %s', (text) => {
    const client = createScramClient({ password: 'pencil', nonce: 'abc', mechanisms: [scramSha256] });
    expect(() => client.onServerFirst(Buffer.from(text))).toThrow();
  });

  it('the client refuses a server that does not know the password', () => {
    const client = createScramClient({ password: 'pencil', nonce: 'abc', mechanisms: [scramSha256] });
    expect(() => client.onServerFinal(Buffer.from('v='))).toThrow();
    client.onServerFirst(Buffer.from('r=abcdef,s=AAAA,i=4096'));
    expect(() => client.onServerFinal(Buffer.from(`v=${Buffer.alloc(32).toString('base64')}`))).toThrow(/SCRAM/);
  });
});
