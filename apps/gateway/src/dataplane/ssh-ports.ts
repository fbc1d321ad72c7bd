import type { LiveSession } from './ports.ts';

/** A key by which the gateway proves who it is to SSH clients. The order of host keys is the order of preference. */
export interface SshHostKey {
  /** Private key, OpenSSH or PEM, without passphrase: ssh-ed25519, ecdsa-sha2-nistp256, -384, -521, or RSA. */
  readonly privateKey: string;
  /** Host certificate for it in wire form (OpenSSH PROTOCOL.certkeys); offered beside the bare key. */
  readonly certificate?: Buffer;
}

/** One authentication request of a client (RFC 4252, section 5). */
export type SshAttempt =
  | { readonly method: 'none' }
  /** RFC 4252, section 7. */
  | {
      readonly method: 'publickey';
      /** Algorithm of the signature as the client names it, e.g. `rsa-sha2-512`, `ssh-ed25519-cert-v01@openssh.com`. */
      readonly algorithm: string;
      /** Public key or certificate in wire form. */
      readonly key: Buffer;
      /** Absent = the client asks whether this key would do. `data` is what was signed: the session identifier and the request (section 7). */
      readonly proof?: { readonly signature: Buffer; readonly data: Buffer };
    }
  /** RFC 4252, section 8. A change of password is refused before. */
  | { readonly method: 'password'; readonly password: string }
  /** RFC 4256. */
  | { readonly method: 'keyboard-interactive'; readonly submethods: readonly string[] };

/** What a client is asked in keyboard-interactive (RFC 4256, section 3.2). Without prompts the client shows the text and answers at once. */
export interface SshQuestion {
  readonly name: string;
  readonly instruction: string;
  readonly prompts: readonly { readonly text: string; readonly isEchoed: boolean }[];
}

/** What the authenticator says to an attempt. */
export type SshAnswer =
  /**
   * Signed in. `user` is for the log; `open` opens the session, and is called once. @throws WeirError when policy, the agent or the recording refuse.
   * `isShared`: the session was there before and does not end with this client.
   */
  | { readonly kind: 'accepted'; readonly user: string; readonly isShared?: boolean; open(): Promise<LiveSession> }
  /** The key would do: the client may sign (SSH_MSG_USERAUTH_PK_OK). */
  | { readonly kind: 'sign' }
  /** keyboard-interactive goes on: the client's responses come by `respond`. */
  | { readonly kind: 'ask'; readonly question: SshQuestion; respond(responses: readonly string[]): Promise<SshAnswer> }
  /** Not this way; others may be tried. `code` and `reason` are for the log, not for the client. */
  | {
      readonly kind: 'refused';
      readonly methods: readonly SshMethod[];
      readonly isPartial?: boolean;
      readonly code?: string;
      readonly reason?: string;
    }
  /** In no way: the client is told the message and disconnected. */
  | { readonly kind: 'rejected'; readonly code: string; readonly message: string };

/** Methods that a client may be told to go on with. */
export type SshMethod = 'publickey' | 'keyboard-interactive' | 'password';

/** A client that signs in. */
export interface SshVisitor {
  /** Without what follows + or #. */
  readonly user: string;
  /** What follows + or #; of a stream of `weir connect` its session's connection; null = the name holds none. */
  readonly connection: string | null;
  /** Session of a `weir connect` or `weir ssh` stream: fixed, and its owner is known by his token. Null = native listener. */
  readonly session: LiveSession | null;
  readonly clientAddress: string;
  /** E.g. `SSH-2.0-OpenSSH_9.2p1 Debian-2`. */
  readonly clientVersion: string;
  /** Session identifier of the transport (RFC 4253, section 7.2). */
  readonly sessionIdentifier: Buffer;
  /** Shows text before the next answer (SSH_MSG_USERAUTH_BANNER); lines end with LF. */
  banner(text: string): void;
  /** Aborted when the client goes or takes too long: nobody waits for an answer any more. */
  readonly gone: AbortSignal;
}

/** Who may come in by SSH. */
export interface SshAuthenticator {
  /** At least one, in order of preference; asked for each connection, so that renewed certificates count at once. */
  hostKeys(): readonly SshHostKey[];
  /**
   * Decides about one attempt; attempts of a client come one after the other. It says nothing about users, connections or policy before `accepted`:
   * what exists and what does not gets the same answers. @throws for faults of the gateway only.
   */
  authenticate(visitor: SshVisitor, attempt: SshAttempt): Promise<SshAnswer>;
}
