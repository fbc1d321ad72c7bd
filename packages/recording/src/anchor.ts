/**
 * What the store keeps about a recording's file, outside of the file: a hash chain does not notice its own cut tail, the anchor does.
 * Same fields as `recordingAnchorSchema` of the API.
 */
export interface RecordingAnchor {
  readonly session: string;
  /** Entries up to the anchored end. */
  readonly entries: number;
  /** Bytes of the file up to the anchored end; the whole file when sealed. */
  readonly bytes: number;
  /** Chain hash (SHA-256, lowercase hex) after the last anchored record, the seal included. */
  readonly headHash: string;
  readonly sealed: boolean;
  /** Ed25519 public key of the signer: SubjectPublicKeyInfo DER, base64. */
  readonly publicKey: string;
  /** Name of the file inside the folder of recordings. */
  readonly file: string;
}
