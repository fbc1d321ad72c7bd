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
  /** Groups that decide: `one-of` them (also when absent), or `all-of` them by a person each; at least `people` (absent: 1) different people. */
  readonly approvers: readonly string[];
  readonly require?: 'one-of' | 'all-of';
  readonly people?: number;
  readonly timeoutMs: number;
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
