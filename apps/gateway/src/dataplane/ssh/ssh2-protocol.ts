/*
 * The one place that knows the inside of ssh2. Its public Server loses what has to pass as it is (terminal modes and requests that it does not know,
 * want_reply, stderr of clients, the order of EOF and CLOSE) and knows neither host certificates nor a post-quantum key exchange. So only its
 * transport (RFC 4253: identification, key exchange, packets) is used, and every message above it is taken whole, before ssh2 reads it.
 * ssh2-protocol.test.ts fails when a version of ssh2 is different inside; package.json pins the version.
 */
import { createSecretKey } from 'node:crypto';
import { createRequire } from 'node:module';
import { WeirError } from '@weir/errors';
import type { SshHostKey } from '../ssh-ports.ts';
import { certificateSuffix, ciphers, hostKeySignatures, keyExchanges, macs } from './algorithms.ts';
import { createGcmPackets, type PacketCipher } from './gcm-packets.ts';
import { answerHybrid } from './hybrid-key-exchange.ts';

/** A private key as ssh2 parses it. */
interface ParsedKey {
  readonly type: string;
  getPublicSSH(): Buffer;
  getPrivatePEM(): string | null;
  sign(data: Buffer, algorithm?: string): Buffer | Error;
}
/** What both ends agreed on. */
export interface Negotiated {
  kex: string;
  serverHostKey: string;
  readonly cs: { readonly cipher: string; readonly mac: string };
  readonly sc: { readonly cipher: string; readonly mac: string };
}
/** A key exchange under way. */
interface KeyExchange {
  readonly sessionID: Buffer;
  readonly negotiated: Negotiated;
  remoteExtInfoEnabled: boolean;
  _remoteKexinit: Buffer;
  convertPublicKey(key: Buffer): Buffer;
  computeSecret(theirs: Buffer): Buffer | Error;
  getPublicKey(): Buffer;
}
/** ssh2's Protocol, as far as it is used. */
export interface Protocol {
  _kex: KeyExchange | undefined;
  _kexinit: Buffer | undefined;
  _strictMode: boolean | undefined;
  _offer: object;
  _hostKeys: Readonly<Record<string, ParsedKey>>;
  _onPayload(payload: Buffer): unknown;
  _onHandshakeComplete(negotiated: Negotiated): void;
  _cipher: PacketCipher & { readonly _encSSLName?: string; readonly _encKey?: Buffer; readonly _encIV?: Buffer };
  _decipher: { inSeqno: number; _onPayload(payload: Buffer): unknown };
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number;
      readonly allocStartKEX: number;
      alloc(size: number, force?: boolean): Buffer;
      finalize(packet: Buffer, force?: boolean): Buffer;
    };
  };
  _destruct: (() => void) | undefined;
  start(): void;
  parse(chunk: Buffer, at: number, length: number): void;
  rekey(): void;
  cleanup(): void;
}
interface ProtocolConfig {
  readonly server: true;
  readonly ident: string;
  readonly hostKeys: Readonly<Record<string, ParsedKey>>;
  readonly offer: object;
  readonly messageHandlers: { DISCONNECT(self: unknown, reason: number, text: string): void };
  onWrite(bytes: Buffer): void;
  onError(error: Error): void;
  onHeader(header: { readonly identRaw: string }): void;
  onHandshakeComplete(negotiated: Negotiated): void;
}

const load = createRequire(import.meta.url);
const { default: SshProtocol } = { default: load('ssh2/lib/protocol/Protocol.js') } as {
  default: new (config: ProtocolConfig) => Protocol;
};
const { KexInit, kexinit: sendKexInit } = load('ssh2/lib/protocol/kex.js') as {
  KexInit: new (lists: object) => object;
  kexinit(protocol: Protocol): void;
};
const { sendPacket } = load('ssh2/lib/protocol/utils.js') as {
  sendPacket(protocol: Protocol, packet: Buffer, bypass?: boolean): boolean;
};
const { parseKey } = load('ssh2/lib/protocol/keyParser.js') as {
  parseKey(text: string): ParsedKey | ParsedKey[] | Error;
};
/** Resolves when ssh2's cryptography is ready. */
export const cryptographyReady = (load('ssh2/lib/protocol/crypto.js') as { init: Promise<void> }).init;

const messageOf = { disconnect: 1, kexInit: 20 } as const;
/** Numbers of the transport's own messages: these are ssh2's, all others the caller's (RFC 4250, section 4.1.2). */
const isTransport = (number: number) => number < 5 || number === 7 || (number >= 20 && number < 50);
/** How long a client's KEXINIT is waited for before ours is sent. */
const patienceMs = 500;
const gcm: readonly string[] = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'];
const hybrid = 'mlkem768x25519-sha256';
const hybridStandIn = 'curve25519-sha256';
/** As SSH clients see it; nothing about the version. */
const identification = 'Weir';

/** What a transport is made of. */
export interface ProtocolParts {
  readonly hostKeys: OfferedHostKeys;
  onWrite(bytes: Buffer): void;
  /** The peer broke the protocol; a DISCONNECT has been sent. */
  onError(error: Error): void;
  onIdentification(text: string): void;
  /** New keys are in use; again after each rekey. */
  onKeys(negotiated: Negotiated, wantsExtensions: boolean): void;
  /** A message that is not the transport's. It belongs to the receiver, who may write into it. */
  onMessage(payload: Buffer): void;
  onDisconnect(reason: number, text: string): void;
}

/** Host keys by the names of their signatures, in order of preference. */
export interface OfferedHostKeys {
  readonly names: readonly string[];
  readonly byName: Readonly<Record<string, ParsedKey>>;
}

/** Parses host keys. @throws WeirError invalid_request for a key that cannot be used. */
export function offerHostKeys(keys: readonly SshHostKey[]): OfferedHostKeys {
  const byName: Record<string, ParsedKey> = {};
  const certified: string[] = [];
  const bare: string[] = [];
  for (const { privateKey, certificate } of keys) {
    const parsed = parseKey(privateKey);
    const key = Array.isArray(parsed) ? parsed[0] : parsed;
    if (key === undefined || key instanceof Error || key.getPrivatePEM() === null)
      throw new WeirError('invalid_request', 'A host key cannot be read.', { cause: key });
    for (const name of hostKeySignatures[key.type] ?? []) {
      if (name in byName) continue;
      byName[name] = key;
      bare.push(name);
      if (certificate === undefined) continue;
      // Signs as the bare key does, shows the certificate.
      byName[name + certificateSuffix] = Object.assign(Object.create(key), { getPublicSSH: () => certificate });
      certified.push(name + certificateSuffix);
    }
  }
  if (bare.length === 0) throw new WeirError('invalid_request', 'There is no host key that SSH clients take.');
  return { names: [...certified, ...bare], byName };
}

/** Makes the server's end of one transport; `start` sends the identification. */
export function createProtocol(parts: ProtocolParts): Protocol {
  const { names, byName } = parts.hostKeys;
  const offerOf = (cipher: readonly string[]) => {
    const direction = { cipher: [...cipher], mac: [...macs], compress: ['none'], lang: [] };
    return new KexInit({ kex: [...keyExchanges], serverHostKey: [...names], cs: direction, sc: direction });
  };
  /** The next packet is our KEXINIT, which is not sent yet. */
  let isHolding = false;
  let isWaitingForClient = false;
  /**
   * The client's first cipher that we offer is used, and OpenSSH's first are ChaCha20 and AES-CTR, which take several times as long here as AES-GCM.
   * So our KEXINIT, which ssh2 sends at once, is held until the client's is here (clients do not wait for ours; in case one does, a while), and
   * offers nothing else to who has AES-GCM.
   */
  const offer = (theirs: Buffer | null) => {
    if (!isWaitingForClient || protocol._destruct === undefined) return;
    isWaitingForClient = false;
    protocol._offer = offerOf(theirs === null ? ciphers : ciphersFor(theirs));
    // The one that was held did not count.
    protocol._cipher.outSeqno -= 1;
    sendKexInit(protocol);
  };
  const protocol = new SshProtocol({
    ...{ server: true, ident: identification, hostKeys: byName },
    offer: offerOf(ciphers),
    messageHandlers: { DISCONNECT: (_self, reason, text) => parts.onDisconnect(reason, text) },
    onWrite(bytes) {
      if (!isHolding) return parts.onWrite(bytes);
      isHolding = false;
    },
    onError: parts.onError,
    onHeader: ({ identRaw }) => {
      isHolding = true;
      isWaitingForClient = true;
      setTimeout(offer, patienceMs, null).unref();
      // The first key exchange is read by a decipher of its own, which exists now.
      const readFirst = takeKexInit(protocol, byName, protocol._decipher._onPayload);
      protocol._decipher._onPayload = (payload) => {
        if (payload[0] === messageOf.kexInit) offer(payload);
        return readFirst(payload);
      };
      parts.onIdentification(identRaw);
    },
    onHandshakeComplete: () => undefined,
  });
  const readTransport = takeKexInit(protocol, byName, protocol._onPayload);
  protocol._onPayload = (payload) => {
    const number = payload[0] ?? 0;
    if (isTransport(number)) return readTransport(payload);
    parts.onMessage(payload);
    return undefined;
  };
  const completed = protocol._onHandshakeComplete;
  protocol._onHandshakeComplete = (negotiated) => {
    const exchange = protocol._kex;
    const wantsExtensions = exchange?.remoteExtInfoEnabled ?? false;
    // ssh2 would send a list that names ssh-rsa and ssh-dss.
    if (exchange !== undefined) exchange.remoteExtInfoEnabled = false;
    prepareKeys(protocol, parts.onWrite);
    completed(negotiated);
    parts.onKeys(negotiated, wantsExtensions);
  };
  return protocol;
}

/** What is offered to a client: nothing else when it has AES-GCM. */
function ciphersFor(kexInit: Buffer): readonly string[] {
  let at = 17;
  // The third list: ciphers from the client to the server.
  for (let skipped = 0; skipped < 2 && at + 4 <= kexInit.length; skipped += 1) at += 4 + kexInit.readUInt32BE(at);
  if (at + 4 > kexInit.length) return ciphers;
  const theirs = kexInit.toString('latin1', at + 4, at + 4 + kexInit.readUInt32BE(at)).split(',');
  const hasGcm = theirs.some((name) => gcm.includes(name));
  return hasGcm ? gcm : ciphers;
}

/** Takes over what AES-GCM sends. Other keys that serve for one packet at a time become key objects: a raw key is prepared anew for each. */
function prepareKeys(protocol: Protocol, write: (bytes: Buffer) => void): void {
  const { _cipher, _decipher } = protocol;
  const { _encSSLName: algorithm, _encKey: key, _encIV: iv, outSeqno: sequence } = _cipher;
  if ((algorithm === 'aes-128-gcm' || algorithm === 'aes-256-gcm') && key !== undefined && iv !== undefined)
    protocol._cipher = createGcmPackets({ algorithm, key, iv, sequence }, write);
  for (const [part, names] of [
    [_cipher, ['_encKeyMain', '_encKeyPktLen']],
    [_decipher, ['_decipherKey', '_decKeyMain', '_decKeyPktLen']],
  ] as [Record<string, unknown>, string[]][])
    for (const name of names) if (part[name] instanceof Uint8Array) part[name] = createSecretKey(part[name]);
}

/**
 * Lets KEXINIT pass with two changes that the peer cannot see: the hybrid key exchange is computed in place of its classical half, which ssh2 knows,
 * and a host certificate is shown in place of the bare key that signs.
 */
function takeKexInit(
  protocol: Protocol,
  keys: Readonly<Record<string, ParsedKey>>,
  read: (payload: Buffer) => unknown,
) {
  return (payload: Buffer): unknown => {
    if (payload[0] !== messageOf.kexInit) return read(payload);
    const { shown, isHybrid } = withoutHybrid(payload);
    const before = protocol._kex;
    const result = read(shown);
    const exchange = protocol._kex;
    if (exchange === undefined || exchange === before || protocol._destruct === undefined) return result;
    const { negotiated } = exchange;
    if (isHybrid && negotiated.kex === hybridStandIn) {
      negotiated.kex = hybrid;
      computeHybrid(exchange);
    }
    exchange._remoteKexinit = payload;
    const name = negotiated.serverHostKey;
    if (name.endsWith(certificateSuffix)) {
      negotiated.serverHostKey = name.slice(0, -certificateSuffix.length);
      protocol._hostKeys = { ...keys, [negotiated.serverHostKey]: keys[name] as ParsedKey };
    } else protocol._hostKeys = keys;
    return result;
  };
}

/** The same KEXINIT with the classical name in place of the hybrid one; `isHybrid`: the hybrid one is the client's choice of the two. */
function withoutHybrid(payload: Buffer): { shown: Buffer; isHybrid: boolean } {
  const at = 17;
  const end = payload.length < at + 4 ? at : at + 4 + payload.readUInt32BE(at);
  const names = payload.toString('latin1', at + 4, end).split(',');
  if (end > payload.length || !names.includes(hybrid)) return { shown: payload, isHybrid: false };
  const isHybrid = !names.slice(0, names.indexOf(hybrid)).includes(hybridStandIn);
  const list = Buffer.from(names.map((name) => (name === hybrid ? hybridStandIn : name)).join(','), 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(list.length);
  return { shown: Buffer.concat([payload.subarray(0, at), length, list, payload.subarray(end)]), isHybrid };
}

function computeHybrid(exchange: KeyExchange): void {
  let reply: Buffer = Buffer.alloc(0);
  exchange.convertPublicKey = (key) => key;
  exchange.getPublicKey = () => reply;
  exchange.computeSecret = (init) => {
    try {
      const answer = answerHybrid(init);
      reply = answer.reply;
      return answer.secret;
    } catch (error) {
      return error as Error;
    }
  };
}

/** Sends a message: `head`, then `pieces` in order; all are copied. While keys are exchanged it waits inside ssh2. */
export function sendMessage(protocol: Protocol, head: Uint8Array, pieces: readonly Uint8Array[] = []): void {
  const { write } = protocol._packetRW;
  let length = head.length;
  for (const piece of pieces) length += piece.length;
  const packet = write.alloc(length);
  let at = write.allocStart;
  packet.set(head, at);
  at += head.length;
  for (const piece of pieces) {
    packet.set(piece, at);
    at += piece.length;
  }
  sendPacket(protocol, write.finalize(packet));
}

/** Sends DISCONNECT with a text (RFC 4253, section 11.1) at once, also in the middle of a key exchange. */
export function sendDisconnect(protocol: Protocol, reason: number, text: string): void {
  const { write } = protocol._packetRW;
  const description = Buffer.from(text);
  const packet = write.alloc(13 + description.length, true);
  const at = write.allocStartKEX;
  packet[at] = messageOf.disconnect;
  packet.writeUInt32BE(reason, at + 1);
  packet.writeUInt32BE(description.length, at + 5);
  packet.set(description, at + 9);
  packet.writeUInt32BE(0, at + 9 + description.length);
  sendPacket(protocol, write.finalize(packet, true), true);
}

/** Are keys being exchanged? Then messages wait. */
export const isExchangingKeys = (protocol: Protocol): boolean => protocol._kexinit !== undefined;
