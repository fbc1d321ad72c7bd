import { createHash, createPublicKey, decapsulate, diffieHellman, generateKeyPairSync, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer } from 'node:net';
import { openSshLane } from '@weir/testkit/lane';
import { FieldReader, FieldWriter } from '@weir/wire-ssh';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createProtocol, offerHostKeys } from '../src/dataplane/ssh/ssh2-protocol.ts';
import { createOpenSshClient, type OpenSshClient } from './fixture/openssh-client.ts';
import { clearPacket, connectRaw, kexInit, ownIdentification, readKexInit } from './fixture/ssh-packets.ts';
import { newHostKey, type SshWorld, startSshWorld } from './fixture/ssh-world.ts';

const hostKeys = [{ privateKey: newHostKey() }, { privateKey: newHostKey('rsa') }];
let world: SshWorld;
beforeEach(async () => {
  world = await startSshWorld({ hostKeys });
});
afterEach(() => world.close());

describe('the inside of ssh2', () => {
  test('is that of the version which was read', () => {
    const load = createRequire(new URL('../src/dataplane/ssh/ssh2-protocol.ts', import.meta.url));
    const { version } = JSON.parse(readFileSync(load.resolve('ssh2/package.json'), 'utf8')) as { version: string };
    expect(version).toBe('1.17.0');
  });

  test('has what is taken over', () => {
    const protocol = createProtocol({
      hostKeys: offerHostKeys(hostKeys),
      onWrite: () => undefined,
      onError: () => undefined,
      onIdentification: () => undefined,
      onKeys: () => undefined,
      onMessage: () => undefined,
      onDisconnect: () => undefined,
    });
    const functions = ['_onPayload', '_onHandshakeComplete', '_destruct', 'start', 'parse', 'rekey', 'cleanup'];
    for (const name of functions)
      expect([name, typeof protocol[name as keyof typeof protocol]]).toEqual([name, 'function']);
    for (const name of ['_kex', '_kexinit', '_strictMode', '_hostKeys', '_cipher', '_decipher', '_packetRW'])
      expect(Object.keys(protocol)).toContain(name);
    expect(typeof protocol._cipher.allocPacket).toBe('function');
    const { write } = protocol._packetRW;
    expect([write.allocStart, write.allocStartKEX, typeof write.alloc, typeof write.finalize]).toEqual([
      ...[5, 5],
      ...['function', 'function'],
    ]);
  });
});

describe('what is offered', () => {
  const gcm = 'aes128-gcm@openssh.com,aes256-gcm@openssh.com';
  const everyCipher = `${gcm},chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr`;
  test.each([
    ['that waits', null, everyCipher],
    ['that has no AES-GCM', 'chacha20-poly1305@openssh.com,aes128-ctr', everyCipher],
    ['that has AES-GCM', 'chacha20-poly1305@openssh.com,aes256-gcm@openssh.com', gcm],
  ])('to a client %s is modern only, and says nothing of versions', async (_what, cipher, offered) => {
    const client = await connectRaw(world.port);
    expect(client.identification).toBe('SSH-2.0-Weir');
    const lists = { kex: 'curve25519-sha256', hostKey: 'rsa-sha2-512', mac: 'hmac-sha2-256-etm@openssh.com' };
    if (cipher !== null) client.send(kexInit({ ...lists, cipher }));
    const [kex, keys, cipherUp, cipherDown, macUp, macDown, ...rest] = readKexInit(await client.next());
    expect(kex).toBe(
      'mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,kex-strict-s-v00@openssh.com',
    );
    expect(keys).toBe('ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256');
    expect([cipherUp, cipherDown]).toEqual([offered, offered]);
    expect([macUp, macDown]).toEqual(Array(2).fill('hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com'));
    expect(rest).toEqual(['none', 'none', '', '']);
    client.socket.destroy();
  });

  test.each([
    ['kex', { kex: 'diffie-hellman-group14-sha256', hostKey: 'rsa-sha2-512' }],
    ['sha1', { kex: 'curve25519-sha256', hostKey: 'ssh-rsa' }],
    ['cbc', { kex: 'curve25519-sha256', hostKey: 'rsa-sha2-512', cipher: 'aes128-cbc', mac: 'hmac-sha2-256' }],
    [
      'a MAC that does not cover the ciphertext',
      { kex: 'curve25519-sha256', hostKey: 'rsa-sha2-512', cipher: 'aes128-ctr', mac: 'hmac-sha2-256' },
    ],
  ])('a client that knows only what is old (%s) is disconnected', async (_what, lists) => {
    const client = await connectRaw(world.port);
    client.send(kexInit(lists));
    await client.next();
    expect((await client.next())[0]).toBe(1);
    await client.closed;
  });
});

describe('strict key exchange', () => {
  const strict = { kex: 'curve25519-sha256,kex-strict-c-v00@openssh.com', hostKey: 'rsa-sha2-512' };
  const ignore = new FieldWriter(16).byte(2).text('').take().subarray(4);

  test.each([
    ['IGNORE', ignore],
    ['DEBUG', Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['UNIMPLEMENTED', Buffer.from([3, 0, 0, 0, 0])],
    ['a second KEXINIT', kexInit(strict)],
  ])('ends when %s is put between KEXINIT and the first keys', async (_what, injected) => {
    const client = await connectRaw(world.port);
    client.send(kexInit(strict));
    await client.next();
    client.send(injected);
    expect((await client.next())[0]).toBe(1);
    await client.closed;
  });

  test('ends when something is put before KEXINIT', async () => {
    const client = await connectRaw(world.port);
    client.send(ignore);
    client.send(kexInit(strict));
    await client.next();
    expect((await client.next())[0]).toBe(1);
    await client.closed;
  });
});

describe('mlkem768x25519-sha256', () => {
  const begin = async (kex: string) => {
    const client = await connectRaw(world.port);
    const own = kexInit({ kex, hostKey: 'ecdsa-sha2-nistp256' });
    client.send(own);
    const theirs = await client.next();
    return { client, theirs, own };
  };

  test('agrees on a secret that the host key signs', async () => {
    const { client, theirs, own } = await begin('mlkem768x25519-sha256,curve25519-sha256');
    const kem = generateKeyPairSync('ml-kem-768');
    const classical = generateKeyPairSync('x25519');
    const raw = (key: typeof kem.publicKey, bytes: number) =>
      key.export({ type: 'spki', format: 'der' }).subarray(-bytes);
    const init = Buffer.concat([raw(kem.publicKey, 1184), raw(classical.publicKey, 32)]);
    client.send(new FieldWriter(1300).byte(30).bytes(init).take().subarray(4));
    const answer = new FieldReader(await client.next(), 1);
    const [hostKey, reply, signature] = [answer.bytes(), answer.bytes(), answer.bytes()];
    expect(reply).toHaveLength(1088 + 32);
    const head = Buffer.from('302a300506032b656e032100', 'hex');
    const theirKey = createPublicKey({ key: Buffer.concat([head, reply.subarray(1088)]), format: 'der', type: 'spki' });
    const secret = createHash('sha256')
      .update(decapsulate(kem.privateKey, reply.subarray(0, 1088)))
      .update(diffieHellman({ privateKey: classical.privateKey, publicKey: theirKey }))
      .digest();
    const hashed = new FieldWriter(8192);
    for (const part of [
      Buffer.from(ownIdentification),
      Buffer.from(client.identification),
      own,
      theirs,
      hostKey,
      init,
      reply,
      secret,
    ])
      hashed.bytes(part);
    const exchangeHash = createHash('sha256').update(hashed.take().subarray(4)).digest();
    expect(verifyEcdsa(hostKey, exchangeHash, signature)).toBe(true);
    client.socket.destroy();
  });

  test.each([
    ['too short', Buffer.alloc(1215)],
    ['too long', Buffer.alloc(1217)],
    [
      'with an X25519 key of low order',
      Buffer.concat([
        generateKeyPairSync('ml-kem-768').publicKey.export({ type: 'spki', format: 'der' }).subarray(-1184),
        Buffer.alloc(32),
      ]),
    ],
    ['empty', Buffer.alloc(0)],
  ])('refuses an initial message that is %s', async (_what, init) => {
    const { client } = await begin('mlkem768x25519-sha256');
    client.send(new FieldWriter(1300).byte(30).bytes(init).take().subarray(4));
    expect((await client.next())[0]).toBe(1);
    await client.closed;
  });

  test('is not used when the client prefers the classical one', async () => {
    const { client } = await begin('curve25519-sha256,mlkem768x25519-sha256');
    const classical = generateKeyPairSync('x25519');
    const init = classical.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
    client.send(new FieldWriter(64).byte(30).bytes(init).take().subarray(4));
    const answer = new FieldReader(await client.next(), 1);
    answer.bytes();
    expect(answer.bytes()).toHaveLength(32);
    client.socket.destroy();
  });
});

/** Of an ecdsa-sha2-nistp256 key in wire form (RFC 5656, section 3.1). */
function verifyEcdsa(hostKey: Buffer, data: Buffer, signature: Buffer): boolean {
  const key = new FieldReader(hostKey);
  key.text();
  key.text();
  const point = key.bytes();
  const head = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
  const publicKey = createPublicKey({ key: Buffer.concat([head, point]), format: 'der', type: 'spki' });
  const outer = new FieldReader(signature);
  outer.text();
  const inner = new FieldReader(outer.bytes());
  const fixed = (mpint: Buffer) => Buffer.concat([Buffer.alloc(32), mpint]).subarray(-32);
  const both = Buffer.concat([fixed(inner.bytes()), fixed(inner.bytes())]);
  return verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, both);
}

describe('strangers', () => {
  test('who say nothing are disconnected in time', async () => {
    const own = await startSshWorld({ limits: { handshakeMs: 200 } });
    const client = await connectRaw(own.port);
    await client.closed;
    own.close();
  });

  test('beyond the limit of an address are closed at once, and room comes back', async () => {
    const own = await startSshWorld({ limits: { maxStrangersPerAddress: 2 } });
    const first = await connectRaw(own.port);
    const second = await connectRaw(own.port);
    await expect(connectRaw(own.port)).rejects.toThrow('closed');
    first.socket.destroy();
    await first.closed;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const third = await connectRaw(own.port);
    for (const { socket } of [second, third]) socket.destroy();
    own.close();
  });

  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['an endless line', Buffer.alloc(100_000, 0x41)],
    ['version 1', Buffer.from('SSH-1.5-old\r\n')],
    [
      'a packet of 2 GB',
      Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.from([0x7f, 0xff, 0xff, 0xff, 4, 0, 0, 0])]),
    ],
    ['nonsense for KEXINIT', Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), clearPacket(Buffer.alloc(40, 20))])],
  ])('who send %s are disconnected', async (_what, bytes) => {
    const socket = connect(world.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    socket.write(bytes);
    await closed;
  });
});

openSshLane()('OpenSSH', () => {
  let client: OpenSshClient;
  beforeAll(async () => {
    client = await createOpenSshClient();
  });
  afterAll(() => client.close());

  test.each([
    ...[
      'curve25519-sha256',
      'curve25519-sha256@libssh.org',
      'ecdh-sha2-nistp256',
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
    ].map((name) => ['KexAlgorithms', name]),
    ...[
      'aes128-gcm@openssh.com',
      'aes256-gcm@openssh.com',
      'chacha20-poly1305@openssh.com',
      'aes128-ctr',
      'aes256-ctr',
    ].map((name) => ['Ciphers', name]),
    ...['ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256'].map((name) => ['HostKeyAlgorithms', name]),
  ])('agrees on %s %s', async (option, name) => {
    const input = Buffer.alloc(300_000, 'x');
    const done = await client.run(
      'ssh',
      ['-o', `${option}=${name}`, ...client.options(world.port), 'anna+box@127.0.0.1', 'cat'],
      input,
    );
    expect({ status: done.status, length: done.stdout.length }).toEqual({ status: 0, length: input.length });
  });

  test.each([
    ['KexAlgorithms', 'diffie-hellman-group14-sha1'],
    ['KexAlgorithms', 'diffie-hellman-group-exchange-sha256'],
    ['Ciphers', 'aes256-cbc'],
    ['HostKeyAlgorithms', 'ssh-rsa'],
  ])('finds nothing in common with %s %s', async (option, name) => {
    const done = await client.run('ssh', [
      '-o',
      `${option}=${name}`,
      ...client.options(world.port),
      'anna+box@127.0.0.1',
      'true',
    ]);
    expect(done).toMatchObject({ status: 255, stderr: expect.stringContaining('no matching') });
  });

  test('is told of signatures without SHA-1, and counts packets anew after NEWKEYS', async () => {
    const done = await client.ssh(world.port, ['-vvv', '-o', 'Ciphers=chacha20-poly1305@openssh.com', 'true']);
    expect(done.status).toBe(0);
    expect(done.stderr).toMatch(/server-sig-algs=<ssh-ed25519,.*rsa-sha2-512,rsa-sha2-256>/);
    expect(done.stderr).not.toMatch(/server-sig-algs=.*ssh-(rsa|dss)/);
    expect(done.stderr).toContain('will use strict KEX ordering');
    expect(done.stderr).toContain('resetting read seqnr');
  });

  test('cannot have its first encrypted packets removed behind an injected one (Terrapin)', async () => {
    // Between client and gateway: adds IGNORE before the client's first encrypted packet, and takes that packet away.
    const middle = createServer((socket) => {
      const gateway = connect(world.port, '127.0.0.1');
      gateway.pipe(socket);
      socket.on('error', () => undefined);
      gateway.on('error', () => undefined);
      socket.on('close', () => gateway.destroy());
      gateway.on('close', () => socket.destroy());
      let count = 0;
      socket.on('data', (data: Buffer) => {
        count += 1;
        // Identification, then KEXINIT: the injected packet follows.
        gateway.write(data);
        if (count === 2) gateway.write(clearPacket(new FieldWriter(16).byte(2).text('').take().subarray(4)));
      });
    });
    await new Promise<void>((resolve) => middle.listen(0, '127.0.0.1', resolve));
    const { port } = middle.address() as AddressInfo;
    const done = await client.run('ssh', [...client.options(port), 'anna+box@127.0.0.1', 'echo in']);
    expect(done).toMatchObject({ status: 255, stdout: '' });
    expect(world.attempts).toEqual([]);
    middle.close();
  });
});
