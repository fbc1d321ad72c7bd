import type { RawEntry } from './entry-codec.ts';
import type { ChannelEvent, SessionEvent } from './event.ts';
import { channelShapes, sessionShapes } from './event-shapes.ts';
import { misfit } from './shape-checks.ts';

function problem(value: unknown, channel: number): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is not an object';
  const fields = value as Record<string, unknown>;
  const name = fields['event'];
  const shape = typeof name === 'string' ? (channel === 0 ? sessionShapes : channelShapes).get(name) : undefined;
  if (shape === undefined) return `event ${JSON.stringify(name)?.slice(0, 60)} is not known in channel ${channel}`;
  if (typeof fields['atMs'] !== 'number') return 'its field atMs is not valid';
  const field = misfit(shape, fields);
  return field === null ? null : `its field ${field} is not valid`;
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

/** The value as an event of the channel; undefined when it does not have the shape of one. */
export function tryEvent(value: unknown, channel: number): ChannelEvent | SessionEvent | undefined {
  return problem(value, channel) === null ? (value as ChannelEvent | SessionEvent) : undefined;
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
