/** Bytes of a message's head: type and length (protocol, "Messaging Overview"). */
const headBytes = 5;
const refusesEncryption = 0x4e;

/** Follows what a server sends, to know where an own message may be put between its messages. */
export interface MessageBoundary {
  /** Takes the next bytes that the client gets. */
  follow(bytes: Uint8Array): void;
  /** Takes bytes up to the end of the message that is outstanding. @returns how many; undefined when it does not end in these (all are taken then). */
  followToEnd(bytes: Uint8Array): number | undefined;
  /** Nothing of a message is outstanding. */
  readonly isBetweenMessages: boolean;
}

/** Starts at the first byte of a connection; the single `N` that refuses TLS or GSSAPI may come before the first message. */
export function createMessageBoundary(): MessageBoundary {
  const head = Buffer.alloc(headBytes);
  let headLength = 0;
  let outstanding = 0;
  let hasBegun = false;
  let isLost = false;
  const boundary: MessageBoundary = {
    follow(bytes) {
      let at = 0;
      while (at < bytes.length && !isLost) {
        const byte = bytes[at] as number;
        if (outstanding > 0) {
          const taken = Math.min(outstanding, bytes.length - at);
          outstanding -= taken;
          at += taken;
        } else if (!hasBegun && byte === refusesEncryption) {
          at += 1;
        } else if (headLength === 0 && bytes.length - at >= headBytes) {
          hasBegun = true;
          outstanding = readUInt32(bytes, at + 1) - 4;
          isLost = outstanding < 0;
          at += headBytes;
        } else {
          hasBegun = true;
          head[headLength++] = byte;
          at += 1;
          if (headLength < headBytes) continue;
          headLength = 0;
          const length = head.readUInt32BE(1);
          if (length < 4) isLost = true;
          else outstanding = length - 4;
        }
      }
    },
    followToEnd(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const step = Math.max(1, Math.min(outstanding, bytes.length - at));
        boundary.follow(bytes.subarray(at, at + step));
        at += step;
        if (boundary.isBetweenMessages) return at;
      }
      return undefined;
    },
    get isBetweenMessages() {
      return !isLost && outstanding === 0 && headLength === 0;
    },
  };
  return boundary;
}

function readUInt32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
