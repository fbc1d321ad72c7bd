import { createHash } from 'node:crypto';
import type { ConnectionSpec } from '@weir/api';
import type { Target } from '@weir/proto';

/** The target of a connection as agents get it: the same settings without absent ones. */
export function targetOf({ target }: ConnectionSpec): Target {
  const { caFile, mode } = target.tls;
  return { ...target, tls: caFile === undefined ? { mode } : { mode, caFile } };
}

/** Where a connection leads: server, database, account and agent, as hexadecimal SHA-256. */
export type TargetHash = string;

/** The hash of where a connection leads; labels are not part of it. */
export function targetHashOf({ agent, target }: ConnectionSpec): TargetHash {
  const { protocol, host, port, database, user, password, tls } = target;
  const reference = Object.entries(password).sort(([left], [right]) => (left < right ? -1 : 1));
  const parts = [agent, protocol, host, port, database, user, reference, tls.mode, tls.caFile ?? null];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
