import type { SessionEventLine } from '@weir/api';
import { WeirError } from '@weir/errors';
import { toAsciicast } from '@weir/recording';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { entriesOf } from '../playback/recorded-entries.ts';
import { replay } from '../playback/replay.ts';
import { watch } from '../playback/watch.ts';
import { printJson, printLine } from '../terminal/output.ts';
import { createTranscript } from '../transcript/transcript.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** Adds what looks at recordings as they were, and as they come. */
export function addSessionPlayback(sessions: Command, cli: Cli): void {
  addReplay(sessions, cli);
  addExport(sessions, cli);
  leaf(sessions, 'watch', 'Watch an open session: its terminal, or what happens in it line by line', [
    'weir sessions watch ses_abc',
    'weir sessions watch ses_abc --json | jq .event',
  ])
    .argument('<id>', 'session')
    .action(
      act(cli, (id: string, options: CommonOptions) =>
        watch(cli, signedIn(cli).api, id, { json: options.json === true }),
      ),
    );
}

function addReplay(sessions: Command, cli: Cli): void {
  leaf(sessions, 'replay', 'Play a recorded terminal in this one; space pauses, q leaves', [
    'weir sessions replay ses_abc',
    'weir sessions replay ses_abc --speed 4 --max-idle 1',
  ])
    .argument('<id>', 'session')
    .option('--channel <n>', 'channel of the terminal; the first one otherwise', positive)
    .option('--speed <x>', 'times faster', factor, 1)
    .option('--max-idle <s>', 'longest pause, seconds', factor)
    .option('--raw', 'write to a pipe or a file, too: the output as it is, without pauses', false)
    .action(
      act(
        cli,
        async (
          id: string,
          options: CommonOptions & { channel?: number; speed: number; maxIdle?: number; raw: boolean },
        ) => {
          const { channel, speed, maxIdle, raw } = options;
          const maxIdleMs = maxIdle === undefined ? Number.POSITIVE_INFINITY : maxIdle * 1000;
          await replay(cli, entriesOf(signedIn(cli).api.sessionEvents(id)), { channel, speed, maxIdleMs, raw });
        },
      ),
    );
}

type Format = 'asciicast' | 'asciicast-v3' | 'ndjson' | 'text';

function addExport(sessions: Command, cli: Cli): void {
  leaf(sessions, 'export', 'Write a recording to standard output', [
    'weir sessions export ses_abc --format asciicast > session.cast',
    'weir sessions export ses_abc --format text | grep passwd',
  ])
    .argument('<id>', 'session')
    .addOption(
      new Option(
        '--format <format>',
        'asciicast: a terminal, for players; ndjson: all events; text: to read and search',
      )
        .choices(['asciicast', 'asciicast-v3', 'ndjson', 'text'] satisfies Format[])
        .makeOptionMandatory(),
    )
    .option('--channel <n>', 'only this channel', positive)
    .action(
      act(cli, async (id: string, { format, channel }: CommonOptions & { format: Format; channel?: number }) => {
        const { api } = signedIn(cli);
        const lines = api.sessionEvents(id);
        if (format === 'ndjson') for await (const line of ofChannel(lines, channel)) printJson(cli, line);
        else if (format === 'text') await printText(cli, ofChannel(lines, channel));
        else {
          const { principal, connection } = await api.showSession(id);
          const version = format === 'asciicast' ? 2 : 3;
          await printCast(cli, lines, { version, channel, title: `${principal} on ${connection} (${id})` });
        }
      }),
    );
}

async function* ofChannel(
  lines: AsyncIterable<SessionEventLine>,
  channel: number | undefined,
): AsyncGenerator<SessionEventLine> {
  for await (const line of lines) if (channel === undefined || line.channel === channel) yield line;
}

async function printText(cli: Cli, lines: AsyncIterable<SessionEventLine>): Promise<void> {
  const transcript = createTranscript({ output: 'plain' });
  for await (const line of lines) for (const text of transcript.of(line)) printLine(cli, text);
  for (const text of transcript.end()) printLine(cli, text);
}

async function printCast(
  cli: Cli,
  lines: AsyncIterable<SessionEventLine>,
  options: Parameters<typeof toAsciicast>[1],
): Promise<void> {
  let isEmpty = true;
  for await (const line of toAsciicast(entriesOf(lines), options)) {
    isEmpty = false;
    cli.stdout.write(line);
  }
  if (!isEmpty) return;
  throw new WeirError('not_found', 'The session has no such terminal.', {
    fix: 'For commands and statements: --format text',
  });
}

/** @throws WeirError invalid_request. */
function positive(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new WeirError('invalid_request', `"${text}" is not the number of a channel.`, {
    fix: 'Channels are numbered from 1: weir sessions play ID shows them in brackets.',
  });
}

/** @throws WeirError invalid_request. */
function factor(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+$/.test(text) && value > 0) return value;
  throw new WeirError('invalid_request', `"${text}" is not a number above 0.`, { fix: 'For example 2, or 0.5.' });
}
