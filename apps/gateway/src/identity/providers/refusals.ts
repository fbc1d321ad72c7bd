import type { AuditLog } from '../../audit/audit-log.ts';
import { createAttemptWindows } from '../attempt-windows.ts';

/** Notes what is refused to strangers. */
export type NoteRefusal = (
  action: 'upstream-sign-in-refused' | 'upstream-logout-refused',
  refused: { readonly provider: string; readonly address: string; readonly why: string },
) => void;

/** Events of one address within a minute: whoever sends thousands does not fill the audit log. */
const perMinute = 100;

/** Parts of it can come from a stranger's address line. */
const maxWhyLength = 300;

/** Makes it. `now` is milliseconds. */
export function createNoteRefusal(audit: AuditLog, now: () => number): NoteRefusal {
  const windows = createAttemptWindows(60_000, now);
  return (action, { provider, address, why }) => {
    for (const key of [`${address} ${provider}`, address]) if (windows.attempt(key, perMinute) > 0) return;
    audit.later({
      actor: `provider:${provider}`,
      action,
      subject: provider,
      detail: { address, why: why.slice(0, maxWhyLength) },
    });
  };
}
