import { createHmac, timingSafeEqual } from 'node:crypto';

/** How old, or how far ahead, a request's time may be. */
const windowMs = 300_000;
/** Signatures that are remembered. Only requests with a right signature get here, so strangers cannot fill it. */
const maxRemembered = 50_000;

/** What a request says of itself. */
export interface SignedRequest {
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  readonly body: Buffer;
}

/** Checks requests of one Slack app. */
export interface SlackVerifier {
  /** @returns why the request is refused, null when it is Slack's and new. */
  refusalOf(request: SignedRequest): string | null;
}

/** Makes the verifier of signature version v0: HMAC-SHA256 over version, time and body, a window of five minutes, each signature once. */
export function createSlackVerifier(secret: string, now: () => number): SlackVerifier {
  /** Signature -> when its window ends. Insertion order is nearly that of time. */
  const seen = new Map<string, number>();
  const forgetOld = (): void => {
    for (const [signature, endsAtMs] of seen) {
      if (endsAtMs > now()) return;
      seen.delete(signature);
    }
  };
  return {
    refusalOf: ({ timestamp = '', signature = '', body }) => {
      if (!/^\d{1,12}$/.test(timestamp) || !/^v0=[0-9a-f]{64}$/.test(signature)) return 'it is not signed';
      const expected = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest();
      if (!timingSafeEqual(expected, Buffer.from(signature.slice(3), 'hex'))) return 'its signature is wrong';
      if (Math.abs(now() - Number(timestamp) * 1000) > windowMs) return 'its time is over';
      forgetOld();
      if (seen.has(signature)) return 'it was sent before';
      if (seen.size >= maxRemembered) return 'too many requests came in the last minutes';
      seen.set(signature, Number(timestamp) * 1000 + windowMs);
      return null;
    },
  };
}
