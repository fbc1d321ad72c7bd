import type { RefusedPeer } from '@weir/tunnel';
import type { AuditLog } from '../audit/audit-log.ts';

/** Anybody who reaches the port can be turned away: so many are noted by themselves in this time, others are counted. */
const maxNoted = 60;
const windowMs = 60_000;

/** Notes clients of the tunnel port that have no valid certificate, without letting them fill the audit log. */
export function createTurnedAway(parts: {
  readonly audit: Pick<AuditLog, 'later'>;
  readonly now: () => number;
}): (peer: RefusedPeer) => void {
  let [startedAtMs, noted, unnoted] = [Number.NEGATIVE_INFINITY, 0, 0];
  return ({ remoteAddress: address, why, agentId, certificateSerial }) => {
    if (parts.now() - startedAtMs >= windowMs) [startedAtMs, noted] = [parts.now(), 0];
    noted += 1;
    if (noted > maxNoted) {
      unnoted += 1;
      return;
    }
    const detail = { address, serial: certificateSerial ?? null, reason: why, ...(unnoted > 0 && { unnoted }) };
    unnoted = 0;
    parts.audit.later({ actor: 'unknown', action: 'agent-refused', subject: agentId ?? address, detail });
  };
}
