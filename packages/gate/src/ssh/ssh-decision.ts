import type { ContentType, PlanEvaluator, SshStatement } from '@weir/policy';
import type { Denial } from '../order/denial.ts';

/** Something that was let pass: what the gate gave with `forward`, and gets back with what follows from it. */
export interface SshTicket {
  /** Of its `statement` record, from 1 in the channel; of what is not recorded by itself (stat, realpath, …) the one in which it happens. */
  readonly number: number;
  /** It has a record of its own: its outcome belongs into the recording, too. */
  readonly isRecorded: boolean;
  readonly statement: SshStatement;
  readonly evaluator: PlanEvaluator;
  /** What detectors must look for in the content of this file before it passes; with what they find call `content`. */
  readonly content: readonly ContentType[];
  /** What they have found so far. */
  readonly found: Set<ContentType>;
  readonly startedAtMs: number;
}

/** What passes after it was started, in the words of packages/wire-ssh. */
export type SshStreamProtocol =
  | { readonly name: 'raw' }
  /** `isByLetters`: nobody needs to know where paths really lead. */
  | { readonly name: 'sftp'; readonly isByLetters?: boolean }
  | {
      readonly name: 'scp';
      readonly mode: 'sink' | 'source';
      readonly paths: readonly string[];
      readonly isFolder?: boolean;
    };

/** Release, or refuse in words. Has the shape of packages/wire-ssh's SshDecision. */
export type SshGateDecision =
  | {
      readonly action: 'forward';
      readonly ticket: SshTicket;
      /** Of shell, exec and subsystem. */
      readonly protocol?: SshStreamProtocol;
      /** Of a file: its content must be shown to detectors. */
      readonly wantsContent: boolean;
      /** Of a file: most bytes; null = no bound. */
      readonly maxBytes: number | null;
    }
  | {
      readonly action: 'deny';
      /** For the person, lines separated by LF, the first begins with `weir: `. */
      readonly text: string;
      readonly denial: Denial;
    };
