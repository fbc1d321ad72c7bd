/** What an agent signs to get a certificate after its last one has ended. */
export interface RecoveryClaim {
  readonly agentId: string;
  /** Its last certificate, DER. */
  readonly certificate: Uint8Array;
  /** PKCS#10, DER. */
  readonly certificateRequest: Uint8Array;
  /** The nonce that it stored last; empty before its first. */
  readonly nonce: Uint8Array;
  readonly sentAtMs: number;
  readonly instanceId: string;
}

/** The bytes that are signed: a fixed first word, so that the signature is good for nothing else, then each field behind its length (4 bytes, big-endian). */
export function recoveryClaim(claim: RecoveryClaim): Buffer {
  const sentAt = Buffer.alloc(8);
  sentAt.writeBigUInt64BE(BigInt(claim.sentAtMs));
  const { agentId, certificate, certificateRequest, nonce, instanceId } = claim;
  const fields = [Buffer.from(agentId), certificate, certificateRequest, nonce, sentAt, Buffer.from(instanceId)];
  const parts = fields.flatMap((field) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(field.length);
    return [length, field];
  });
  return Buffer.concat([Buffer.from('weir agent recovery 1\0'), ...parts]);
}
