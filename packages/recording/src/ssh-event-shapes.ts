import {
  type Check,
  count,
  flag,
  matching,
  nullable,
  number,
  optional,
  type Shape,
  shaped,
  text,
} from './shape-checks.ts';
import type { SshEvent } from './ssh-event.ts';

const uint32: Check = (value, fields) => count(value, fields) && (value as number) <= 0xffff_ffff;
const sha256 = nullable(matching(/^[0-9a-f]{64}$/));
const base64 = matching(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
/** Exactly one of the two. */
const bytes: Shape = {
  text: (value, fields) => (fields['base64'] === undefined ? text(value, fields) : value === undefined),
  base64: optional(base64),
};

/** Of `channel-opened`, when the channel is one of SSH. */
export const channelOfSsh = shaped({ type: text, connection: number, hostKey: nullable(text) });

/** Events of SSH channels, by name, with the fields that readers rely on. */
export const sshShapes: ReadonlyMap<SshEvent['event'], Shape> = new Map<SshEvent['event'], Shape>([
  ['terminal', { term: text, columns: uint32, rows: uint32 }],
  ['resize', { columns: uint32, rows: uint32 }],
  ['output', { stream: matching(/^std(?:out|err)$/), ...bytes }],
  ['input', { hiddenBytes: optional(count), ...bytes }],
  [
    'exit',
    {
      statement: number,
      status: nullable(uint32),
      signal: nullable(text),
      durationMs: number,
      stdinBytes: count,
      stdoutBytes: count,
      stderrBytes: count,
      stdoutSha256: sha256,
      stderrSha256: sha256,
      isWhole: flag,
    },
  ],
  [
    'file',
    {
      statement: number,
      operation: text,
      path: text,
      to: nullable(text),
      bytes: count,
      sha256,
      isWhole: flag,
      error: nullable(text),
    },
  ],
  ['forward', { statement: number, destination: text, bytesUp: count, bytesDown: count }],
]);
