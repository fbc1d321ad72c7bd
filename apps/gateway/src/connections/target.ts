import type { ConnectionSpec } from '@weir/api';
import type { Target } from '@weir/proto';

/** The target of a connection as agents get it: the same settings without absent ones. */
export function targetOf({ target }: ConnectionSpec): Target {
  const { caFile, mode } = target.tls;
  return { ...target, tls: caFile === undefined ? { mode } : { mode, caFile } };
}
