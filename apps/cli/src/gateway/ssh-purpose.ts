import { type SshAuthorityPurpose, sshAuthorityPurposeSchema } from '@weir/api';

/** Whom the SSH CAs sign. */
export const sshPurposes: readonly SshAuthorityPurpose[] = sshAuthorityPurposeSchema.options;

export function isSshPurpose(word: string): word is SshAuthorityPurpose {
  return sshPurposes.some((purpose) => purpose === word);
}
