import type { ApiClient, ListSessionsQuery, Session } from '@weir/api';
import type { RecordEntry } from '@weir/recording';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { entriesOf } from '../playback/recorded-entries.ts';
import { printList } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** A statement that was found. */
interface Found {
  readonly session: string;
  readonly principal: string;
  readonly connection: string;
  readonly channel: number;
  readonly statement: number;
  /** ISO 8601. */
  readonly at: string;
  readonly kind: string;
  readonly action: string;
  readonly text: string;
}

/** `weir sessions search` */
export function addSessionSearch(sessions: Command, cli: Cli): void {
  leaf(sessions, 'search', 'Find commands, files, forwards and SQL in the newest recordings that you may see', [
    'weir sessions search passwd',
    'weir sessions search "rm -rf" --connection web-1 --limit 500',
  ])
    .argument('<text>', 'what their text contains; upper and lower case are the same')
    .option('--connection <name>', 'only sessions of a connection')
    .option('--limit <n>', 'look at so many sessions, newest first', '100')
    .action(
      act(cli, async (text: string, options: CommonOptions & { connection?: string; limit: string }) => {
        const { connection, limit } = options;
        const query: ListSessionsQuery = { limit, ...(connection === undefined ? {} : { connection }) };
        printList(cli, options, {
          items: await search(signedIn(cli).api, query, text.toLowerCase()),
          columns: [
            ['session', ({ session }) => session],
            ['who', ({ principal }) => principal],
            ['connection', (found) => found.connection],
            ['at', ({ at }) => at],
            ['place', ({ channel, statement }) => `[${channel}] #${statement}`],
            ['kind', ({ kind }) => kind],
            ['verdict', ({ action }) => action],
            ['text', (found) => found.text],
          ],
          empty: 'Nothing was found.',
        });
      }),
    );
}

async function search(api: ApiClient, query: ListSessionsQuery, text: string): Promise<Found[]> {
  const found: Found[] = [];
  // One after the other: each recording is decrypted for it.
  for (const session of await api.listSessions(query)) {
    if (session.statements === 0) continue;
    for await (const entry of entriesOf(api.sessionEvents(session.id))) {
      const match = matchOf(session, entry, text);
      if (match !== undefined) found.push(match);
    }
  }
  return found;
}

function matchOf({ id, principal, connection }: Session, entry: RecordEntry, text: string): Found | undefined {
  const { channel, event } = entry;
  if (event.event !== 'statement' || !event.text.toLowerCase().includes(text)) return undefined;
  const { statement, kind, action } = event;
  const at = new Date(event.atMs).toISOString();
  return { session: id, principal, connection, channel, statement, at, kind, action, text: event.text };
}
