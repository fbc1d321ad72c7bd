import type { z } from 'zod';
import type * as s from './ssh-schemas.ts';

/** Types of the bodies about SSH; see messages.ts. */
export type SshTrust = z.output<typeof s.sshTrustSchema>;
export type SshAuthorityPurpose = z.output<typeof s.sshAuthorityPurposeSchema>;
export type SshAuthority = z.output<typeof s.sshAuthoritySchema>;
export type RotateSshAuthorityRequest = z.input<typeof s.rotateSshAuthorityRequestSchema>;
export type SshKey = z.output<typeof s.sshKeySchema>;
export type AddSshKeyRequest = z.input<typeof s.addSshKeyRequestSchema>;
export type IssueSshCertificateRequest = z.input<typeof s.issueSshCertificateRequestSchema>;
export type SshCertificate = z.output<typeof s.sshCertificateSchema>;
