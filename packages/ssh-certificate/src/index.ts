export { includesAddress } from './address-list.ts';
export { BlobReader } from './blob-reader.ts';
export { lengthAnd, uint32 } from './blob-writer.ts';
export {
  type CertificateClaims,
  certificateTypeOf,
  isCertificateType,
  issueCertificate,
  parseCertificate,
  plainTypeOf,
  type SshCertificate,
} from './certificate.ts';
export { type CertificateExpectation, type CertificateVerdict, checkCertificate } from './check-certificate.ts';
export {
  type AuthorizedKey,
  formatKeyLine,
  formatKnownHost,
  type KeyLine,
  type KnownHost,
  knownHostName,
  parseAuthorizedKey,
  parseKeyLine,
  parseKnownHost,
} from './key-line.ts';
export { ed25519Secret, formatPrivateKey } from './private-key.ts';
export {
  fingerprintOf,
  maxBlobBytes,
  parsePublicKey,
  publicKeyOf,
  type SshKeyType,
  type SshPublicKey,
  sshKeyTypes,
} from './public-key.ts';
export { type SignatureFacts, signWith, verifySignature } from './signature.ts';
