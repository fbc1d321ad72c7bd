import { createHmac } from 'node:crypto';
import { WeirError } from '@weir/errors';

/** Shortest secret, bytes (Standard Webhooks). */
const minSecretBytes = 24;

/** The key of a webhook's secret: base64 behind `whsec_`, else the text's own bytes. @throws WeirError invalid_request when it is too short. */
export function webhookKey(secret: string): Buffer {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  if (key.length >= minSecretBytes) return key;
  throw new WeirError('invalid_request', 'The signing secret of a webhook is too short.', {
    why: `It has ${key.length} bytes, and ${minSecretBytes} are needed.`,
    fix: 'Make one: echo "whsec_$(openssl rand -base64 32)"',
  });
}

/** Headers of Standard Webhooks: HMAC-SHA256 over id, time (seconds) and body. */
export function webhookHeaders(key: Buffer, id: string, nowMs: number, body: string): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
