import type { ConnectionFacts, Principal } from './names.ts';

/** Where the agent finds a secret of a target. */
export type CredentialReference =
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'file'; readonly path: string }
  | {
      readonly from: 'k8s-secret';
      readonly namespace?: string | undefined;
      readonly name: string;
      readonly key: string;
    }
  | { readonly from: 'vault'; readonly path: string; readonly field: string }
  /** The gateway keeps it; in a channel's OPEN it has become `sealed`. */
  | { readonly from: 'stored' }
  /** JWE (RFC 7516, compact, ECDH-ES and A256GCM) to the key of the agent's hello; `weir-use` in its protected header names the session. */
  | { readonly from: 'sealed'; readonly jwe: string }
  | { readonly from: 'none' };

/** How the agent reaches and signs in to a target. Credential references are resolved in the agent's own network, never at the gateway. */
export interface PostgresTarget {
  readonly protocol: 'postgres';
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Where the agent finds the password; `none` for trust or peer authentication. */
  readonly password: CredentialReference;
  /** Upstream TLS as libpq's sslmode names it; `verify-full` needs caFile or the system's roots. */
  readonly tls: {
    readonly mode: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
    readonly caFile?: string;
  };
}

/** A host on the way to a target, or the target itself. */
export interface SshHop {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** What the host's key must be: fingerprints as ssh-keygen -l shows them (`SHA256:…`), or `@cert-authority ssh-ed25519 AAAA…`. Empty = nobody has decided yet: it is refused, with its fingerprint. */
  readonly hostKeys: readonly string[];
}

/** How the agent reaches and signs in to an SSH host. Jump hosts are signed in to the same way. */
export interface SshTarget extends SshHop {
  readonly protocol: 'ssh';
  /** `certificate`: of Weir's SSH user CA for the key of the agent's hello; needs no secret. */
  readonly auth: 'certificate' | 'private-key' | 'password';
  /** Where the agent finds the private key (OpenSSH or PEM, without passphrase) or the password; `none` for certificates. */
  readonly secret: CredentialReference;
  /** In the order in which they are passed. */
  readonly jumps: readonly SshHop[];
  /** Seconds between keepalive requests; three without an answer end the connection. 0 = none. */
  readonly keepaliveSeconds: number;
  /** In OPEN only: user certificates (OpenSSH PROTOCOL.certkeys, base64 of the wire form) by user name, for the key of the agent's hello. */
  readonly certificates?: Readonly<Record<string, string>>;
}
export type Target = PostgresTarget | SshTarget;

/** Where a target's secret is found. */
export function secretOf(target: Target): CredentialReference {
  return target.protocol === 'ssh' ? target.secret : target.password;
}

/** The same target with its secret found elsewhere. */
export function withSecret<T extends Target>(target: T, reference: CredentialReference): T {
  return target.protocol === 'ssh' ? { ...target, secret: reference } : { ...target, password: reference };
}

/** What every OPEN frame says: everything that a channel may do, so that no data can precede it (D1). */
interface ChannelOpenBase {
  readonly sessionId: string;
  readonly channelId: string;
  readonly principal: Principal;
  readonly connection: ConnectionFacts;
  /** JSON form of packages/policy's Plan; the agent refuses what it does not understand. */
  readonly plan: unknown;
  /** Rows and bytes of masked result that a statement's record may hold. */
  readonly recording: { readonly maxRows: number; readonly maxBytes: number };
  /** Key of the hash and fake transforms, base64, 32 bytes: the same for all sessions of one gateway, so that equal values get equal tokens. */
  readonly maskingKey: string;
}

/** Content of an OPEN frame of a PostgreSQL connection. */
export interface PostgresOpen extends ChannelOpenBase {
  readonly target: PostgresTarget;
  readonly postgres: {
    /** Start-up parameters that passed the gateway's allow-list, application_name included. */
    readonly parameters: Readonly<Record<string, string>>;
    /** BackendKeyData given to the client: process id (routing id) and secret key (base64; 4 bytes in protocol 3.0, 32 since 3.2). */
    readonly processId: number;
    readonly secretKey: string;
  };
}

/** Types of SSH channels (RFC 4254, OpenSSH PROTOCOL). `connection` is the SSH connection itself: global requests go down, channels that the target opens are announced up. */
export type SshChannelType =
  | 'connection'
  | 'session'
  | 'direct-tcpip'
  | 'direct-streamlocal@openssh.com'
  | 'forwarded-tcpip'
  | 'forwarded-streamlocal@openssh.com'
  | 'auth-agent@openssh.com'
  | 'x11';

/** Content of an OPEN frame of one SSH channel; its data are messages of RFC 4254 as packages/wire-ssh writes them. */
export interface SshOpen extends ChannelOpenBase {
  readonly target: SshTarget;
  readonly ssh: {
    /** Number of the client's SSH connection in its session, from 1: its channels share one connection to the target. */
    readonly connection: number;
    readonly type: SshChannelType;
    /** Identification string of the client's software, e.g. `SSH-2.0-OpenSSH_9.2`. */
    readonly clientVersion: string;
    /** Where a direct-tcpip or direct-streamlocal channel leads, as the client asked. */
    readonly destination?: { readonly host: string; readonly port: number } | { readonly path: string };
    /** Who connected at the client's end of a direct-tcpip channel, as the client says. */
    readonly origin?: { readonly host: string; readonly port: number };
    /** For a channel that the target opened: its number in the connection, as announced. */
    readonly incoming?: number;
  };
}
export type ChannelOpen = PostgresOpen | SshOpen;

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
  /** Groups that decide: `one-of` them (also when absent), or `all-of` them by a person each; at least `people` (absent: 1) different people. */
  readonly approvers: readonly string[];
  readonly require?: 'one-of' | 'all-of';
  readonly people?: number;
  readonly timeoutMs: number;
  /**
   * Nobody has to decide: somebody of the groups has to watch, live, as long as the channel lives. The ask is `approved` when such a person watches;
   * from then on the gateway holds the session while none does. A withdrawal ends the need.
   */
  readonly watch?: true;
  /** Rows that the target's planner expects; null with the reason when it was not asked. Absent = an agent that does not ask. */
  readonly estimate?: { readonly rows: number | null; readonly why: string | null };
}

/** Content of an APPROVAL_STATE frame: the gateway's answer to an ask; `pending` may be followed by one final state. */
export interface ApprovalState {
  readonly ask: number;
  readonly requestId: string;
  readonly state: 'pending' | 'approved' | 'denied' | 'expired';
  /** Who decided, when decided. */
  readonly by?: string;
  readonly reason?: string;
  /** Page on which a pending request is decided. */
  readonly link?: string;
  /** Of a pending ask for a watcher, instead of the usual sentence: who must watch, and how. One line. */
  readonly notice?: string;
  /** Milliseconds since the epoch when a pending request ends. */
  readonly expiresAtMs?: number;
}

/** Content of a BUDGET_ASK frame: the agent wants to deliver rows that a budget counts. */
export interface BudgetAsk {
  /** Number of the ask in its channel. */
  readonly ask: number;
  /** Name of the budget in the session's plan. */
  readonly rule: string;
  /** The approved request that adds to the allowance first, once; null = none. */
  readonly requestId: string | null;
}

/** Content of a BUDGET_GRANT frame: the answer to an ask. What is granted counts as used until a report gives it back. */
export interface BudgetGrant {
  readonly ask: number;
  /** `exhausted`: nothing is left in this window. `failed`: the ledger could not be asked, `reason` says why. */
  readonly state: 'granted' | 'exhausted' | 'failed';
  /** Number of the lease in its channel; 0 unless granted. */
  readonly lease: number;
  /** Rows and bytes that may be delivered on this lease; null = no bound. */
  readonly rows: number | null;
  readonly bytes: number | null;
  /** Nothing more can be granted in this window. */
  readonly isLastOfRows: boolean;
  readonly isLastOfBytes: boolean;
  /** The budget is observed only and is used up: the statement goes on and is noted. */
  readonly isOver: boolean;
  /** When the window ends, milliseconds since the epoch. */
  readonly resetsAtMs: number;
  /** For the user. */
  readonly reason: string;
}

/** Content of a BUDGET_REPORT frame: what a lease was used for. It ends the lease. */
export interface BudgetReport {
  readonly lease: number;
  readonly rows: number;
  readonly bytes: number;
}

/** Content of a RESET frame that is not a clean end. */
export interface ChannelFault {
  /** A code of packages/errors. */
  readonly code: string;
  readonly message: string;
}
