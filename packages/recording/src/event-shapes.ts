import type { ChannelEvent, SessionEvent } from './event.ts';
import {
  cells,
  flag,
  list,
  listOf,
  nullable,
  number,
  object,
  optional,
  type Shape,
  text,
  texts,
} from './shape-checks.ts';
import { channelOfSsh, sshShapes } from './ssh-event-shapes.ts';

const note: Shape = { code: text, message: text, statement: nullable(number) };

/** Events that an agent may send, by name, with the fields that readers rely on. More fields are allowed: a newer agent may have them. */
export const channelShapes: ReadonlyMap<string, Shape> = new Map<ChannelEvent['event'], Shape>([
  ['channel-opened', { applicationName: text, serverVersion: text, ssh: optional(channelOfSsh) }],
  [
    'statement',
    {
      statement: number,
      phase: text,
      text,
      parameters: cells,
      action: text,
      rule: text,
      reason: text,
      trace: list,
      kind: text,
      tables: texts,
      maskedColumns: listOf(object),
      approval: nullable(object),
    },
  ],
  [
    'result',
    {
      statement: number,
      index: number,
      tag: nullable(text),
      rows: number,
      bytes: number,
      durationMs: number,
      error: nullable(object),
      columns: texts,
      sample: listOf(cells),
      truncated: flag,
    },
  ],
  ['note', note],
  ['channel-closed', { reason: text }],
  ...sshShapes,
]);

/** Events of the gateway itself; they stand in channel 0 alone, so that no agent can write them. */
export const sessionShapes: ReadonlyMap<string, Shape> = new Map<SessionEvent['event'], Shape>([
  [
    'session-opened',
    { principal: text, actingFor: optional(text), connection: text, agent: text, clientAddress: text, via: text },
  ],
  ['session-closed', { reason: text }],
  ['note', note],
]);
