import { createCipheriv, createSecretKey, type KeyObject, randomFillSync } from 'node:crypto';

/** The half of ssh2's protocol that makes packets of payloads. */
export interface PacketCipher {
  /** Number of the next packet. */
  outSeqno: number;
  /** A packet with room for the payload at 5; it holds until `encrypt`. */
  allocPacket(payloadBytes: number): Buffer;
  encrypt(packet: Buffer): void;
  free(): void;
}

/** What AES-GCM needs (RFC 5647, section 7.1; OpenSSH PROTOCOL, section 1.6). */
export interface GcmKeys {
  readonly algorithm: 'aes-128-gcm' | 'aes-256-gcm';
  readonly key: Buffer;
  /** 4 fixed bytes and 8 that count packets; it is changed. */
  readonly iv: Buffer;
  readonly sequence: number;
}

/** Largest payload that the reused packet holds: data of 32 KiB and its head. */
const scratchBytes = 33_280;
const tagBytes = 16;
const blockBytes = 16;

/**
 * AES-GCM as ssh2 has it, for bulk: the clear packet is written into the same memory each time, the key is prepared once and padding is taken from a
 * supply of random bytes. `write` gets length, ciphertext and tag, and may keep them.
 */
export function createGcmPackets(
  { algorithm, key, iv, sequence }: GcmKeys,
  write: (bytes: Buffer) => void,
): PacketCipher {
  const prepared: KeyObject = createSecretKey(key);
  const scratch = Buffer.allocUnsafeSlow(scratchBytes);
  const padding = createPadding();
  let isFree = false;
  const packets: PacketCipher = {
    outSeqno: sequence,
    allocPacket(payloadBytes) {
      let paddingBytes = blockBytes - ((1 + payloadBytes) % blockBytes);
      if (paddingBytes < 4) paddingBytes += blockBytes;
      const length = 5 + payloadBytes + paddingBytes;
      const packet = length <= scratchBytes ? scratch.subarray(0, length) : Buffer.allocUnsafe(length);
      packet.writeUInt32BE(length - 4, 0);
      packet[4] = paddingBytes;
      padding(packet, 5 + payloadBytes, paddingBytes);
      return packet;
    },
    encrypt(packet) {
      if (isFree) return;
      const cipher = createCipheriv(algorithm, prepared, iv, { authTagLength: tagBytes });
      const head = Buffer.from(packet.subarray(0, 4));
      cipher.setAAD(head);
      write(head);
      write(cipher.update(packet.subarray(4)));
      cipher.final();
      write(cipher.getAuthTag());
      countUp(iv);
      packets.outSeqno = (packets.outSeqno + 1) >>> 0;
    },
    free() {
      isFree = true;
    },
  };
  return packets;
}

/** Adds one to the last 8 bytes. */
function countUp(iv: Buffer): void {
  for (let at = 11; at >= 4; at -= 1) {
    const next = ((iv[at] as number) + 1) & 0xff;
    iv[at] = next;
    if (next !== 0) return;
  }
}

/** Fills padding from random bytes that are drawn a few thousand at a time. */
function createPadding(): (packet: Buffer, at: number, length: number) => void {
  const supply = Buffer.alloc(4096);
  let used = supply.length;
  return (packet, at, length) => {
    if (used + length > supply.length) {
      randomFillSync(supply);
      used = 0;
    }
    supply.copy(packet, at, used, used + length);
    used += length;
  };
}
