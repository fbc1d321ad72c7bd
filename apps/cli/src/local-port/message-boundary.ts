/** Bytes of a message's head: type and length (protocol, "Messaging Overview"). */
const headBytes = 5;
const refusesEncryption = 0x4e;

/** Follows what a server sends, to know where an own message may be put between its messages. */
export interface MessageBoundary {
  /** Takes the next bytes that the client gets. */
  follow(bytes: Uint8Array): void;
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
  return {
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
    get isBetweenMessages() {
      return !isLost && outstanding === 0 && headLength === 0;
    },
  };
}
