import { WeirError } from '@weir/errors';

/** The error of a credential that cannot be had. `why` names the reference, never a value. */
export function credentialMissing(why: string, cause?: unknown, fix?: string): WeirError {
  return new WeirError('target_unavailable', `the credential of the target is missing: ${why}`, {
    why,
    cause,
    fix: fix ?? 'Set it where the agent runs, then start the agent again.',
  });
}
