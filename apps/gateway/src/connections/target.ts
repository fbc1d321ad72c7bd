import { createHash } from 'node:crypto';
import type { ConnectionSpec } from '@weir/api';
import { type SshHop, secretOf, type Target } from '@weir/proto';

/** The target of a connection as agents get it: the same settings without absent ones. */
export function targetOf({ target }: ConnectionSpec): Target {
  if (target.protocol === 'ssh') return target;
  const { caFile, mode } = target.tls;
  return { ...target, tls: caFile === undefined ? { mode } : { mode, caFile } };
}

/** Where a connection leads: server, what is reached there, account and agent, as hexadecimal SHA-256. */
export type TargetHash = string;

/** The hash of where a connection leads; labels are not part of it, nor are signs of life. */
export function targetHashOf(spec: ConnectionSpec): TargetHash {
  const target = targetOf(spec);
  const { protocol, host, port, user } = target;
  const reference = Object.entries(secretOf(target)).sort(([left], [right]) => (left < right ? -1 : 1));
  const parts =
    target.protocol === 'ssh'
      ? [spec.agent, protocol, host, port, user, reference, target.auth, target.hostKeys, target.jumps.map(hopParts)]
      : [
          ...[spec.agent, protocol, host, port, target.database, user, reference],
          ...[target.tls.mode, target.tls.caFile ?? null],
        ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

const hopParts = ({ host, port, user, hostKeys }: SshHop) => [host, port, user, hostKeys];
