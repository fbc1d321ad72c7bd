import type { KeyObject } from 'node:crypto';
import type { CredentialReference } from '@weir/proto';
import type { AnalysisHost } from './analysis/analysis-host.ts';

/** What a credential is opened for: a session's id, or `test` for the test of a connection. */
export type CredentialUse = string;

/** What all channels of a process share. */
export interface SessionServices {
  readonly analysis: AnalysisHost;
  /** Resolves a credential reference in this network. @throws WeirError when it cannot. */
  resolvePassword(reference: CredentialReference, use: CredentialUse): Promise<string | null>;
  /** Private ed25519 key for which the gateway signs user certificates of SSH targets. */
  readonly sshKey: KeyObject;
  /** Milliseconds since the epoch. */
  now(): number;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
}
