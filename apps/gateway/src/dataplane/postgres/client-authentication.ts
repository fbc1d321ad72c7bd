import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { createScramServer, parsePasswordFrame, type ScramVerifier } from '@weir/wire-postgres';
import type { StreamReader } from './stream-reader.ts';

/**
 * SCRAM-SHA-256 (RFC 7677) with the session's verifier, or a mock one for an unknown user, who goes the same way to the same refusal.
 * @throws WeirError wrong_password, protocol_violation.
 */
export async function authenticate(reader: StreamReader, stream: Duplex, verifier: ScramVerifier): Promise<void> {
  const scram = createScramServer({ verifier, nonce: randomBytes(18).toString('base64') });
  stream.write(scram.start());
  for (;;) {
    const step = scram.receive(await reader.next(passwordBodyOf));
    if (step.kind === 'failed') throw step.error;
    stream.write(step.send);
    if (step.kind === 'ok') return;
  }
}

function passwordBodyOf(bytes: Buffer): { value: Buffer; used: number } | undefined {
  const frame = parsePasswordFrame(bytes);
  if (frame.kind === 'need-more') return undefined;
  if (frame.kind === 'error') throw frame.error;
  return { value: Buffer.from(frame.body), used: bytes.length - frame.rest.length };
}
