import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** The key that a client got in BackendKeyData: a routing id of ours and a secret. */
export interface CancelKey {
  /** Process id, 1 … 2^31-1, unique among live channels. */
  readonly processId: number;
  /** Opaque: 4 bytes in protocol 3.0, 32 since 3.2. */
  readonly secretKey: Buffer;
}

/** Routes CancelRequests (protocol, "Canceling Requests in Progress") to live channels. */
export interface CancelKeys {
  /** Issues a key for a client that speaks protocol 3.`minor`; `cancel` runs when a request with exactly this key arrives. */
  issue(minor: number, cancel: () => void): CancelKey;
  withdraw(key: CancelKey): void;
  /** @returns whether a live channel had this key. */
  request(processId: number, secretKey: Uint8Array): boolean;
}

/** Creates an empty table. */
export function createCancelKeys(): CancelKeys {
  const live = new Map<number, { readonly secretKey: Buffer; readonly cancel: () => void }>();
  return {
    issue(minor, cancel) {
      let processId = randomInt(1, 0x7fff_ffff);
      while (live.has(processId)) processId = randomInt(1, 0x7fff_ffff);
      const secretKey = randomBytes(minor < 2 ? 4 : 32);
      live.set(processId, { secretKey, cancel });
      return { processId, secretKey };
    },
    withdraw: (key) => void live.delete(key.processId),
    request(processId, secretKey) {
      const known = live.get(processId);
      if (known === undefined || known.secretKey.length !== secretKey.length) return false;
      if (!timingSafeEqual(known.secretKey, secretKey)) return false;
      known.cancel();
      return true;
    },
  };
}
