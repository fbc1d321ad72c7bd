import type { ConnectionFacts, Principal } from './names.ts';

/** How the agent reaches and signs in to a target. Credential references are resolved in the agent's own network, never at the gateway. */
export interface PostgresTarget {
  readonly protocol: 'postgres';
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Where the agent finds the password; `none` for trust or peer authentication. */
  readonly password:
    | { readonly from: 'env'; readonly name: string }
    | { readonly from: 'file'; readonly path: string }
    | { readonly from: 'none' };
  /** Upstream TLS as libpq's sslmode names it; `verify-full` needs caFile or the system's roots. */
  readonly tls: {
    readonly mode: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
    readonly caFile?: string;
  };
}
export type Target = PostgresTarget;

/** Content of an OPEN frame: everything that a channel may do, so that no data can precede it (D1). */
export interface ChannelOpen {
  readonly sessionId: string;
  readonly channelId: string;
  readonly principal: Principal;
  readonly connection: ConnectionFacts;
  readonly target: Target;
  /** JSON form of packages/policy's Plan; the agent refuses what it does not understand. */
  readonly plan: unknown;
  readonly postgres: {
    /** Start-up parameters that passed the gateway's allow-list, application_name included. */
    readonly parameters: Readonly<Record<string, string>>;
    /** BackendKeyData given to the client: process id (routing id) and secret key (base64; 4 bytes in protocol 3.0, 32 since 3.2). */
    readonly processId: number;
    readonly secretKey: string;
  };
  /** Rows and bytes of masked result that a statement's record may hold. */
  readonly recording: { readonly maxRows: number; readonly maxBytes: number };
  /** Key of the hash and fake transforms, base64, 32 bytes: the same for all sessions of one gateway, so that equal values get equal tokens. */
  readonly maskingKey: string;
}

/** Content of an APPROVAL_ASK frame. */
export interface ApprovalAsk {
  /** Number of the ask in its channel. */
  readonly ask: number;
  /** SHA-256 (hex) over everything that the approval is bound to. */
  readonly binding: string;
  readonly mode: 'wait' | 'retry';
  readonly statement: string;
  readonly parameters: readonly (string | null)[];
  readonly database: string;
  readonly role: string;
  readonly searchPath: readonly string[];
  readonly tables: readonly string[];
  readonly kind: string;
  readonly rule: string;
  readonly reason: string;
  readonly approvers: readonly string[];
  readonly timeoutMs: number;
}

/** Content of an APPROVAL_STATE frame: the gateway's answer to an ask; `pending` may be followed by one final state. */
export interface ApprovalState {
  readonly ask: number;
  readonly requestId: string;
  readonly state: 'pending' | 'approved' | 'denied' | 'expired';
  /** Who decided, when decided. */
  readonly by?: string;
  readonly reason?: string;
  /** Milliseconds since the epoch when a pending request ends. */
  readonly expiresAtMs?: number;
}

/** Content of a RESET frame that is not a clean end. */
export interface ChannelFault {
  /** A code of packages/errors. */
  readonly code: string;
  readonly message: string;
}
