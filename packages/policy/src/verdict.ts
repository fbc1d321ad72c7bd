import type { ColumnRef } from './statement.ts';

/**
 * How a protected value leaves, strictest first: `null` (SQL NULL), `redact` (a constant of the same type), `hash` (keyed, same input gives the
 * same token), `fake` (a believable value of the same type, keyed), `partial` (keeps some characters), `clear` never appears here.
 */
export const transforms = ['null', 'redact', 'hash', 'fake', 'partial'] as const;
export type Transform = (typeof transforms)[number];

/** How one protected column is masked. `contentType` steers partial and fake (an e-mail keeps its domain, a card its last four). */
export interface MaskSpec {
  readonly transform: Transform;
  readonly contentType: ContentType | null;
  /** Name of the masking rule. */
  readonly rule: string;
}

/** Content types that detectors know and rules can name. */
export const contentTypes = ['email', 'phone', 'us-ssn', 'card', 'iban', 'address', 'name', 'number', 'text'] as const;
export type ContentType = (typeof contentTypes)[number];

/** One line of the trace: a rule, whether it matched, and why (for `weir policy test` and the record). */
export interface TraceStep {
  readonly rule: string;
  readonly matched: boolean;
  readonly why: string;
}

/** A bound on rows while a statement runs: more than `over` ends it. */
export interface RowBound {
  readonly over: number;
  /** Name of the guardrail. */
  readonly rule: string;
}

/** Bounds of guardrails on one statement; of several the smallest. `observed` ones are noted when passed, and end nothing. */
export interface RowBounds {
  readonly affected: RowBound | null;
  readonly returned: RowBound | null;
  readonly observed: { readonly affected: RowBound | null; readonly returned: RowBound | null };
}

/** People who must watch while something runs. */
export interface WatcherNeed {
  readonly rule: string;
  readonly groups: readonly string[];
  /** How long a session waits for somebody, at its start and when the last one leaves, ms. */
  readonly timeoutMs: number;
}

/** What something allowed in SSH is bound to while it lasts. */
export interface SshBounds {
  /** For each somebody has to watch. */
  readonly watchers: readonly WatcherNeed[];
  /** Most bytes that a file may have, and the rule that says so; null = no bound. */
  readonly fileSize: { readonly over: number; readonly rule: string } | null;
  /** What detectors must look for in a file's content; with what they find it is judged again. */
  readonly content: readonly ContentType[];
}

interface VerdictBase {
  /** Name of the deciding rule; `default` when no rule matched. */
  readonly rule: string;
  /** One sentence for the user. */
  readonly reason: string;
  readonly trace: readonly TraceStep[];
}
export interface AllowVerdict extends VerdictBase {
  readonly action: 'allow';
  /** Bound on returned rows (deny beyond), or null. */
  readonly maxRows: number | null;
  /** Absent = no guardrail bounds its rows. */
  readonly bounds?: RowBounds;
  /** Of SSH; absent = nothing binds it. */
  readonly ssh?: SshBounds;
}
export interface DenyVerdict extends VerdictBase {
  readonly action: 'deny';
  /** What the user can do. */
  readonly hint: string;
}
export interface ApprovalVerdict extends VerdictBase {
  readonly action: 'require-approval';
  /** `wait` parks the statement; `retry` refuses it now and lets the same one run once after approval; `auto` = wait for interactive clients outside transactions. */
  readonly mode: 'auto' | 'wait' | 'retry';
  /** Groups whose members may decide, with `require` and `people` an ApprovalRule. */
  readonly approvers: readonly string[];
  readonly require: 'one-of' | 'all-of';
  readonly people: number;
  /** How long a request stays open, ms. */
  readonly timeoutMs: number;
  readonly maxRows: number | null;
  /** Absent = no guardrail bounds its rows. */
  readonly bounds?: RowBounds;
  /** Of SSH; absent = nothing binds it. */
  readonly ssh?: SshBounds;
}
/** The decision on one statement. Deny beats require-approval beats allow; no matching access rule is deny. */
export type Verdict = AllowVerdict | DenyVerdict | ApprovalVerdict;

/** The masks of one statement, per output column (index = column), plus whether anything in it is protected. */
export type MaskOf = (column: ColumnRef) => MaskSpec | null;
