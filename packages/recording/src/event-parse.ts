import type { RawEntry } from './entry-codec.ts';
import type { ChannelEvent, SessionEvent } from './event.ts';

type Check = (value: unknown) => boolean;
const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number';
const flag: Check = (value) => typeof value === 'boolean';
const list: Check = (value) => Array.isArray(value);
const object: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const nullable =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const texts = listOf(text);
const cells = listOf(nullable(text));

type Shape = Readonly<Record<string, Check>>;

/** Events that an agent may send, by name, with the fields that readers rely on. More fields are allowed: a newer agent may have them. */
const channelShapes: ReadonlyMap<string, Shape> = new Map<ChannelEvent['event'], Shape>([
  ['channel-opened', { applicationName: text, serverVersion: text }],
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
  ['note', { code: text, message: text, statement: nullable(number) }],
  ['channel-closed', { reason: text }],
]);

/** Events of the gateway itself; they stand in channel 0 alone, so that no agent can write them. */
const sessionShapes: ReadonlyMap<string, Shape> = new Map<SessionEvent['event'] | 'note', Shape>([
  [
    'session-opened',
    { principal: text, actingFor: optional(text), connection: text, agent: text, clientAddress: text, via: text },
  ],
  ['session-closed', { reason: text }],
  ['note', { code: text, message: text, statement: nullable(number) }],
]);

function problem(value: unknown, channel: number): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is not an object';
  const fields = value as Record<string, unknown>;
  const name = fields['event'];
  const shape = typeof name === 'string' ? (channel === 0 ? sessionShapes : channelShapes).get(name) : undefined;
  if (shape === undefined) return `event ${JSON.stringify(name)?.slice(0, 60)} is not known in channel ${channel}`;
  if (!number(fields['atMs'])) return 'its field atMs is not valid';
  for (const [field, check] of Object.entries(shape)) {
    if (!check(fields[field])) return `its field ${field} is not valid`;
  }
  return null;
}

function unreadable(raw: RawEntry, why: string): ChannelEvent {
  const start = raw.eventJson.subarray(0, 200).toString('utf8');
  return {
    event: 'note',
    atMs: raw.receivedAtMs,
    code: 'unreadable-event',
    message: `The event of ${raw.eventJson.length} bytes cannot be read: ${why}. It starts with: ${start}`,
    statement: null,
  };
}

/** The event of an entry. What does not have the shape of its event becomes a note `unreadable-event` that quotes its start. */
export function parseRecordedEvent(raw: RawEntry): ChannelEvent | SessionEvent {
  let value: unknown;
  try {
    value = JSON.parse(raw.eventJson.toString('utf8'));
  } catch (error) {
    return unreadable(raw, error instanceof Error ? error.message : 'it is not JSON');
  }
  const why = problem(value, raw.channel);
  return why === null ? (value as ChannelEvent | SessionEvent) : unreadable(raw, why);
}
