/** How and when a person was authenticated. It travels with codes and refresh tokens in oidc-provider's `acr`, which is text. */
export interface Authentication {
  readonly authTimeMs: number;
  /** When a second factor was used; null = none. */
  readonly mfaAtMs: number | null;
  /** `sign_in_epoch` of the account at that moment. */
  readonly epoch: number;
}

/** Writes it as text. */
export function authenticationText({ authTimeMs, mfaAtMs, epoch }: Authentication): string {
  return `weir:${authTimeMs}:${mfaAtMs ?? ''}:${epoch}`;
}

/** Reads the text; undefined when it is none. */
export function tryAuthentication(text: string | undefined): Authentication | undefined {
  const match = /^weir:(\d{1,15}):(\d{0,15}):(\d{1,9})$/.exec(text ?? '');
  if (match === null) return undefined;
  const [, authTime = '', mfaAt = '', epoch = ''] = match;
  return {
    authTimeMs: Number(authTime),
    mfaAtMs: mfaAt === '' ? null : Number(mfaAt),
    epoch: Number(epoch),
  };
}
