import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** The key that a client got in BackendKeyData: a routing id of ours and a secret. */
export interface CancelKey {
  /** Process id, 1 … 2^31-1, unique among live channels. */
  readonly processId: number;
  readonly secretKey: number;
}

/** Routes CancelRequests (protocol, "Canceling Requests in Progress") to live channels. */
export interface CancelKeys {
  /** Issues a key; `cancel` runs when a request with exactly this key arrives. */
  issue(cancel: () => void): CancelKey;
  withdraw(key: CancelKey): void;
  /** @returns whether a live channel had this key. */
  request(processId: number, secretKey: Uint8Array): boolean;
}

/** Creates an empty table. */
export function createCancelKeys(): CancelKeys {
  const live = new Map<number, { readonly secret: Buffer; readonly cancel: () => void }>();
  return {
    issue(cancel) {
      let processId = randomInt(1, 0x7fff_ffff);
      while (live.has(processId)) processId = randomInt(1, 0x7fff_ffff);
      const secret = randomBytes(4);
      live.set(processId, { secret, cancel });
      return { processId, secretKey: secret.readInt32BE(0) };
    },
    withdraw: (key) => void live.delete(key.processId),
    request(processId, secretKey) {
      const known = live.get(processId);
      if (known === undefined || secretKey.length !== 4 || !timingSafeEqual(known.secret, secretKey)) return false;
      known.cancel();
      return true;
    },
  };
}
