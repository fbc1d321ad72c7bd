import type { SessionEventLine } from '@weir/api';
import { type OutputShown, streamBytesOf, tryEvent } from '@weir/recording';
import { visible } from '../terminal/visible.ts';
import { detailOf, type LooseEvent, type ResultEvent, type StatementEvent, text } from './event-fields.ts';
import { createOutputLines } from './output-lines.ts';
import { channelText, sshLines } from './ssh-lines.ts';

/** Writes a session's events as text for people. */
export interface Transcript {
  /** The lines of the next event. */
  of(line: SessionEventLine): string[];
  /** The last lines: output that did not end with a line feed. */
  end(): string[];
}

/** How a transcript is written. */
export interface TranscriptOptions {
  /** `visible` (default) spells control characters of output out, `plain` leaves them away, so that it can be read and searched. */
  readonly output?: 'visible' | 'plain';
}

/** Starts a transcript; times are seconds from the first event on, numbers in brackets name the client connection. */
export function createTranscript({ output = 'visible' }: TranscriptOptions = {}): Transcript {
  let firstMs: number | undefined;
  const outputs = createOutputLines(output);
  const placed = (channel: number, atMs: number, lines: readonly string[]): string[] => {
    firstMs ??= atMs;
    const seconds = Math.max(0, atMs - firstMs) / 1000;
    const head = `${seconds.toFixed(3).padStart(9)}s ${channel === 0 ? '' : `[${channel}] `}`;
    const indent = ' '.repeat(head.length);
    return lines.map((content, index) => `${index === 0 ? head : indent}${content}`);
  };
  return {
    of({ channel, event }) {
      const known = event.event === 'output' ? tryEvent(event, channel) : undefined;
      if (known?.event === 'output') {
        const { stream, atMs } = known;
        return placed(channel, atMs, outputs.of(channel, stream, streamBytesOf(known as OutputShown)));
      }
      // What was shown before comes first, also when its line has not ended.
      return placed(channel, event.atMs, [...outputs.end(channel), ...linesOf(channel, event)]);
    },
    end: () => outputs.channels().flatMap((channel) => placed(channel, firstMs ?? 0, outputs.end(channel))),
  };
}

function linesOf(channel: number, event: LooseEvent): string[] {
  const detail = detailOf(event);
  if (detail !== undefined) return detail.event === 'statement' ? statementLines(detail) : resultLines(detail);
  const field = (name: string): string => text(event[name]);
  switch (event.event) {
    case 'session-opened': {
      const from = `by ${field('via')} from ${field('clientAddress')}, agent ${field('agent')}`;
      const principal = event['actingFor'] === undefined ? '' : ` for ${field('actingFor')}`;
      return [
        `${new Date(event.atMs).toISOString()} ${field('principal')}${principal} on ${field('connection')}, ${from}`,
      ];
    }
    case 'session-closed':
      return [`session closed: ${field('reason')}`];
    case 'channel-opened':
      return [
        `client connected: ${field('applicationName') || 'unnamed'} (server ${field('serverVersion')})${channelText(event)}`,
      ];
    case 'channel-closed':
      return [`client gone: ${field('reason')}`];
    case 'note':
      return [`note ${field('code')}: ${field('message')}`];
    default:
      return sshLines(tryEvent(event, channel)) ?? [visible(JSON.stringify(event))];
  }
}

const marks = { allow: 'allowed', deny: 'DENIED', 'require-approval': 'needs approval' } as const;

function statementLines(event: StatementEvent): string[] {
  const { statement, action, rule, reason, approval, parameters, maskedColumns } = event;
  const why = action === 'allow' ? '' : `: ${visible(reason)}`;
  const what = event.phase === 'request' ? `${visible(event.kind ?? '')} ` : '';
  const lines = [`#${statement} ${what}${marks[action]} by ${visible(rule)}${why}`];
  for (const part of visible(event.text.trim(), { multiline: true }).split('\n')) lines.push(`  ${part}`);
  if (parameters.length > 0) {
    const values = parameters.map(
      (value, index) => `$${index + 1} = ${value === null ? 'NULL' : `'${visible(value)}'`}`,
    );
    lines.push(`  with ${values.join(', ')}`);
  }
  if (approval !== null) {
    const by = approval.by === null ? '' : ` by ${visible(approval.by)}`;
    lines.push(`  request ${visible(approval.requestId)}: ${visible(approval.state)}${by}`);
  }
  if (maskedColumns.length > 0) {
    const columns = maskedColumns.map(({ schema, table, column }) => visible(`${schema}.${table}.${column}`));
    lines.push(`  masked: ${[...new Set(columns)].join(', ')}`);
  }
  return lines;
}

function resultLines(event: ResultEvent): string[] {
  const { statement, tag, rows, durationMs, error, columns, sample, truncated } = event;
  const time = `${durationMs.toFixed(1)} ms`;
  if (error !== null) return [`#${statement} -> ERROR ${visible(error.sqlstate)}: ${visible(error.message)} (${time})`];
  const lines = [`#${statement} -> ${visible(tag ?? 'done')}, ${rows} ${rows === 1 ? 'row' : 'rows'}, ${time}`];
  if (sample.length === 0) return lines;
  lines.push(`  ${columns.map((column) => visible(column)).join(' | ')}`);
  for (const row of sample)
    lines.push(`  ${row.map((value) => (value === null ? 'NULL' : visible(value))).join(' | ')}`);
  if (truncated || rows > sample.length) lines.push(`  (${sample.length} of ${rows} rows kept)`);
  return lines;
}
