import type { RefusedPeer } from '@weir/tunnel';
import type { AuditLog } from '../audit/audit-log.ts';
import { createAttemptWindows } from '../identity/attempt-windows.ts';

/** Anybody who reaches the port can be turned away: so many are noted by themselves in this time, others are counted. */
const maxNoted = 60;
const windowMs = 60_000;

/** Notes clients of the tunnel port that have no valid certificate, without letting them fill the audit log. */
export function createTurnedAway(parts: {
  readonly audit: Pick<AuditLog, 'later'>;
  readonly now: () => number;
}): (peer: RefusedPeer) => void {
  const windows = createAttemptWindows(windowMs, parts.now);
  let unnoted = 0;
  return ({ remoteAddress: address, why, agentId, certificateSerial }) => {
    if (windows.attempt('all', maxNoted) > 0) {
      unnoted += 1;
      return;
    }
    const detail = { address, serial: certificateSerial ?? null, reason: why, ...(unnoted > 0 && { unnoted }) };
    unnoted = 0;
    parts.audit.later({ actor: 'unknown', action: 'agent-refused', subject: agentId ?? address, detail });
  };
}
