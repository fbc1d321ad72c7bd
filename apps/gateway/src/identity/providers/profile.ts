/** What a provider says of a person, checked: whose word it is, and of whom. */
export interface UpstreamProfile {
  /** OIDC issuer or SAML entity id. */
  readonly issuer: string;
  /** The provider's own name of the person, which it never gives to another one. */
  readonly subject: string;
  /** Name as the provider writes it, for a new account. */
  readonly name: string;
  readonly displayName: string | null;
  readonly email: string | null;
  /** The provider says that it has verified the address, and is configured to be believed in this. */
  readonly isEmailVerified: boolean;
  /** The directory's id of the person, when the provider is configured to be believed in this. */
  readonly directoryId: string | null;
  /** Groups as they are called here; undefined = the provider says nothing that can be understood. */
  readonly groups: readonly string[] | undefined;
  /** Id of the person's session there, when it names one. */
  readonly session: string | null;
  /** When the person proved who he is, and with a second factor (null = not). */
  readonly authTimeMs: number;
  readonly mfaAtMs: number | null;
  readonly refreshToken: string | null;
  /** When the provider ends its word at the latest. */
  readonly endsAtMs: number | null;
}
