import type { ColumnRef, TraceStep } from '@weir/policy';
import type { SshEvent } from './ssh-event.ts';

/** What the agent sends up in RECORD frames: one JSON object each. Times are milliseconds since the epoch by the agent's clock. */
export type ChannelEvent = ChannelOpened | StatementJudged | StatementFinished | ChannelNote | ChannelClosed | SshEvent;

interface EventBase {
  readonly atMs: number;
}
export interface ChannelOpened extends EventBase {
  readonly event: 'channel-opened';
  /** What the client says that it is: PostgreSQL's application_name, the software version of SSH's identification. */
  readonly applicationName: string;
  /** What the target says that it is, likewise. */
  readonly serverVersion: string;
  /** Of SSH channels. */
  readonly ssh?: ChannelOfSsh;
}
/** An SSH channel among those of its session. */
export interface ChannelOfSsh {
  /** The channel's type (RFC 4254 section 5.1), or `connection` for what belongs to the client's connection as a whole. */
  readonly type: string;
  /** Number of the client's SSH connection in the session: its channels share one connection to the target. */
  readonly connection: number;
  /** Fingerprint of the target's host key as OpenSSH writes it (`SHA256:…`); null = not seen yet. */
  readonly hostKey: string | null;
}
/**
 * Written before the target sees the statement run: an SQL statement, or a request of SSH (phase `request`: a command, a shell, a file operation,
 * a forward), whose `tables`, `parameters` and `maskedColumns` are empty. `statement` counts from 1 in the channel.
 */
export interface StatementJudged extends EventBase {
  readonly event: 'statement';
  readonly statement: number;
  readonly phase: 'query' | 'parse' | 'execute' | 'copy' | 'request';
  readonly text: string;
  readonly parameters: readonly (string | null)[];
  readonly action: 'allow' | 'deny' | 'require-approval';
  readonly rule: string;
  readonly reason: string;
  readonly trace: readonly TraceStep[];
  readonly kind: string;
  readonly tables: readonly string[];
  readonly maskedColumns: readonly ColumnRef[];
  readonly approval: { readonly requestId: string; readonly state: string; readonly by: string | null } | null;
}
export interface StatementFinished extends EventBase {
  readonly event: 'result';
  readonly statement: number;
  readonly index: number;
  readonly tag: string | null;
  readonly rows: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly error: { readonly sqlstate: string; readonly message: string } | null;
  /** Names of result columns, and the first rows as the client saw them (text; binary cells as \\x hex), within the channel's limits. */
  readonly columns: readonly string[];
  readonly sample: readonly (readonly (string | null)[])[];
  readonly truncated: boolean;
}
/** Anything else worth keeping: cancel, withdrawn approval, catalog disagreement, redacted notice, protocol violation, refused variable. */
export interface ChannelNote extends EventBase {
  readonly event: 'note';
  readonly code: string;
  readonly message: string;
  readonly statement: number | null;
}
export interface ChannelClosed extends EventBase {
  readonly event: 'channel-closed';
  readonly reason: string;
}

/** What the gateway itself adds to a recording; its notes tell who watches, and when a session pauses. */
export type SessionEvent =
  | {
      readonly event: 'session-opened';
      readonly atMs: number;
      readonly principal: string;
      /** The person for whom the principal acts. */
      readonly actingFor?: string | undefined;
      readonly connection: string;
      readonly agent: string;
      readonly clientAddress: string;
      readonly via: 'native' | 'connect';
    }
  | { readonly event: 'session-closed'; readonly atMs: number; readonly reason: string }
  | ChannelNote;

/** One entry of a journal or recording. `channel` 0 = the session itself; `sequence` counts from 1 in each channel without gaps. */
export interface RecordEntry {
  readonly session: string;
  readonly channel: number;
  readonly sequence: number;
  readonly receivedAtMs: number;
  readonly event: ChannelEvent | SessionEvent;
}
