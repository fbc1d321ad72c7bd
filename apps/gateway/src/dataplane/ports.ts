import type {
  ApprovalAsk,
  ApprovalState,
  BudgetAsk,
  BudgetGrant,
  BudgetReport,
  ConnectionFacts,
  Principal,
  Target,
} from '@weir/proto';
import type { RecordEntry, SessionEvent } from '@weir/recording';
import type {
  AgentClaims,
  EnrolmentRequest,
  EnrolmentResult,
  RecoveryRequest,
  RefusedPeer,
  RenewedIdentity,
} from '@weir/tunnel';

export type * from './ssh-ports.ts';
export type { EnrolmentRequest, EnrolmentResult, RecoveryRequest, RenewedIdentity };

/** A process that holds an agent's identity. */
export interface AgentHolder {
  readonly remoteAddress: string;
  /** Random per process start. */
  readonly instanceId: string;
}

/** Verifier of a session's password (RFC 5802: StoredKey, ServerKey), made once when the session opens. */
export interface SessionVerifier {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** A session as the data plane sees it: everything that a channel needs, held in memory while the session lives. */
export interface LiveSession {
  readonly id: string;
  readonly principal: Principal;
  readonly connection: ConnectionFacts;
  readonly target: Target;
  /** Name of the pool of agents that serve the connection. */
  readonly agentName: string;
  /** Compiled plan, JSON. Replaced when policy, groups or the connection change. */
  readonly plan: unknown;
  readonly verifier: SessionVerifier;
  readonly via: 'native' | 'connect';
  readonly expiresAtMs: number;
}

/** Who opens a `weir connect` stream: an access token, and the proof that the key it is bound to made this call. */
export interface StreamCredentials {
  readonly authorization: string | undefined;
  readonly proof: string | undefined;
  readonly method: string;
  readonly url: string;
  readonly address: string;
}

/** What the data plane needs of the control plane. Implemented by thin use-cases beside the Nest modules; no HTTP or Nest types cross here. */
export interface ControlPlane {
  /** The live session whose `user` a client gave at start-up; null = unknown, ended or expired. */
  findByLogin(user: string): LiveSession | null;
  /** The session as it is now, with its newest plan; null = ended or expired. */
  current(sessionId: string): LiveSession | null;
  /** The live session of a `weir connect` stream. @throws WeirError sign_in_required, not_permitted, session_ended, not_found. */
  findByToken(credentials: StreamCredentials, sessionId: string): Promise<LiveSession>;
  /** Counters and audit of channels. */
  channelOpened(sessionId: string, channel: number, clientAddress: string): void;
  channelClosed(sessionId: string, channel: number, reason: string): void;
  /** The client connection for which alone a session was opened has ended, and with it the session. */
  clientLeft(sessionId: string, reason: string): void;
  /** A refused sign-in or start-up, for the audit log. */
  refused(event: {
    readonly what: 'sign-in' | 'startup' | 'channel' | 'target';
    readonly user: string | null;
    readonly clientAddress: string;
    readonly code: string;
    readonly message: string;
    readonly sessionId: string | null;
  }): void;
  /** Counts of a statement record (for session lists). */
  counted(sessionId: string, counts: { statements: number; denied: number }): void;
  /** An agent asks for approval, or for somebody who watches (`ask.watch`): that need ends when the returned function is called, also after it was met. `tell` is called with pending and later once with the final state; returns a function that withdraws the ask. Retry-mode asks consume an approved request of the same binding at most once. */
  askApproval(session: LiveSession, ask: ApprovalAsk, tell: (state: ApprovalState) => void): () => void;
  /**
   * The target as this agent gets it for one use (a session's id, or `test`): a stored password sealed to the agent's key; of an SSH target that takes
   * them, user certificates for its SSH key (wire form); everything else as it is.
   * @throws WeirError target_unavailable, agent_unavailable.
   */
  sealTarget<T extends Target>(
    connection: { readonly name: string; readonly agent: string },
    target: T,
    agent: {
      readonly name: string;
      readonly sealingKey: Uint8Array | undefined;
      readonly sshKey?: Uint8Array | undefined;
    },
    use: string,
  ): Promise<T>;
  /** The ledger of budgets for one channel, made at its first ask. */
  openBudgets(sessionId: string): ChannelBudgets;
  /** What an agent should trust; `isRotating`: it must be told now. */
  agentTrust(agentId: string): Promise<{
    /** PEM. */
    readonly ca: string;
    readonly isRotating: boolean;
    readonly isRenewalDue: boolean;
  }>;
  /** A client without a valid certificate was turned away at the tunnel port. */
  agentTurnedAway(peer: RefusedPeer): void;
  /** May this agent certificate connect? @throws WeirError not_permitted. */
  authoriseAgent(
    agentId: string,
    serial: string,
    claims?: Partial<AgentClaims>,
  ): Promise<{ readonly name: string; readonly pool: string }>;
  /**
   * The agent's hello with the nonce that it stored last, and the pool that it says it serves (empty: it does not say).
   * @throws WeirError not_permitted: another holder of its identity is known, or the pool is not its own.
   */
  identifyAgent(agentId: string, nonce: Uint8Array, holder: AgentHolder, pool?: string): Promise<void>;
  /** A new nonce to give to the agent. */
  nextAgentNonce(agentId: string): Promise<Buffer>;
  agentNonceStored(agentId: string, nonce: Uint8Array): Promise<void>;
  /** Two living processes hold this identity. */
  agentTwins(agentId: string, first: AgentHolder, second: AgentHolder): Promise<void>;
  /** Exchanges a join token and a certificate request for an identity. @throws WeirError not_permitted, invalid_request. */
  enrol(request: EnrolmentRequest, remoteAddress: string): Promise<EnrolmentResult>;
  /** A new certificate for an authorised agent that shows the certificate of this serial. @throws WeirError not_permitted, invalid_request, conflict. */
  renewAgent(
    agentId: string,
    serial: string,
    certificateRequestDer: Buffer,
    claims?: Partial<AgentClaims>,
  ): Promise<RenewedIdentity>;
  /** A new certificate for an agent whose last one has ended. @throws WeirError not_permitted, invalid_request, conflict. */
  recoverAgent(request: RecoveryRequest, remoteAddress: string): Promise<RenewedIdentity>;
}

/** The ledger of budgets as one channel's agent sees it. */
export interface ChannelBudgets {
  /** `tell` is called once. */
  ask(ask: BudgetAsk, tell: (grant: BudgetGrant) => void): void;
  report(report: BudgetReport): void;
  /** The agent says nothing more: what is not reported stays counted as used. */
  close(): void;
}

/** What the control plane may ask of the data plane. */
export interface DataPlane {
  /** Ends all channels of a session with a FATAL error; resolves when the relay is cut (at once, whether or not the agent confirms within 2 s). */
  killSession(sessionId: string, reason: string): Promise<void>;
  /** Pushes a session's new plan to its agent; cuts the session when the agent does not confirm within 2 s. */
  updatePlan(sessionId: string, plan: unknown): Promise<void>;
  /**
   * Holds a session at once: no input of its client reaches the target and no output the client, on channels that are open and on those that open
   * later, until it is resumed. Terminals are told the notice (one line). A channel that cannot pause ends.
   */
  pauseSession(sessionId: string, notice: string): void;
  /** Lets a paused session go on; what was held is delivered in order. */
  resumeSession(sessionId: string, notice: string): void;
  /** Is an agent of this pool connected? */
  agentOnline(pool: string): boolean;
  /** What all connected agents of a pool can do; null = none is connected. */
  poolCapabilities(pool: string): readonly string[] | null;
  /** Have channels of the session gone through this agent? */
  servesSession(agentName: string, sessionId: string): boolean;
  agentInfo(agentName: string): {
    readonly version: string;
    readonly capabilities: readonly string[];
    readonly channels: number;
    readonly lastSeenAtMs: number;
  } | null;
  testConnection(
    connection: { readonly name: string; readonly agent: string },
    target: Target,
  ): Promise<{ ok: boolean; steps: { name: string; ok: boolean; detail: string }[] }>;
  /** The CAs changed: all connected agents are told. */
  trustChanged(): void;
  /** `for-now`: it tries again, and gets in when the control plane authorises it. */
  disconnectAgent(agentName: string, reason: string, how: 'for-good' | 'for-now'): void;
}

/** The evidence journal (D2): one per gateway process, one fdatasync for all waiting records. */
export interface Journal {
  /** Appends an entry of a channel whose event is already JSON text (opaque); returns its position. Throws when the journal is broken.
   * An entry that is not urgent may wait some milliseconds for the next commit, unless somebody asks `whenDurable` for it. Default urgent. */
  append(session: string, channel: number, sequence: number, eventJson: Buffer, isUrgent?: boolean): number;
  /** Appends an event of the gateway itself (channel 0). */
  note(session: string, event: SessionEvent): number;
  /** All entries up to this position are durable (fdatasync returned). */
  readonly durable: number;
  /** Calls back once `durable >= position`, in order of position; at once (synchronously) when it already is. */
  whenDurable(position: number, callback: () => void): void;
  /** Called once when the journal cannot write any more: all sessions must end. */
  onBroken(callback: (error: Error) => void): void;
  /** The session has ended: cut, seal, anchor its recording (in the background). */
  sessionEnded(session: string): Promise<void>;
  /** Entries of a live or ended session, decrypted, oldest first. */
  read(session: string): AsyncIterable<RecordEntry>;
  close(): Promise<void>;
}
