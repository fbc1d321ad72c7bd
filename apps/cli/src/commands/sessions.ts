import type { ListSessionsQuery, Session } from '@weir/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printLine, printList, printRecord } from '../terminal/output.ts';
import { createTranscript } from '../transcript/transcript.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';
import { addSessionPlayback } from './session-playback.ts';
import { addSessionSearch } from './session-search.ts';

/** `weir sessions` */
export function addSessions(program: Command, cli: Cli): void {
  const sessions = program.command('sessions').description('Sessions and their recordings');
  addList(sessions, cli);
  leaf(sessions, 'show', 'Show a session', ['weir sessions show ses_abc'])
    .argument('<id>', 'session')
    .action(
      act(cli, async (id: string, options: CommonOptions) =>
        show(cli, options, await signedIn(cli).api.showSession(id)),
      ),
    );
  leaf(sessions, 'play', 'Print what happened in a session: statements, verdicts, timings, masked rows', [
    'weir sessions play ses_abc',
    'weir sessions play ses_abc --json > session.ndjson',
  ])
    .argument('<id>', 'session')
    .action(act(cli, (id: string, options: CommonOptions) => play(cli, id, options)));
  addSessionPlayback(sessions, cli);
  addSessionSearch(sessions, cli);
  leaf(sessions, 'kill', 'End a session now', ['weir sessions kill ses_abc --reason "wrong database"'])
    .argument('<id>', 'session')
    .option('--reason <text>', 'why; its user sees it', '')
    .action(
      act(cli, async (id: string, options: CommonOptions & { reason: string }) => {
        await signedIn(cli).api.killSession(id, { reason: options.reason });
        if (options.json === true) printJson(cli, { ended: id });
        else note(cli, `Ended ${id}.`);
      }),
    );
}

function addList(sessions: Command, cli: Cli): void {
  leaf(sessions, 'ls', 'List sessions: your own, or all for administrators and auditors', [
    'weir sessions ls',
    'weir sessions ls --state active',
  ])
    .option('--state <state>', 'active or ended')
    .option('--connection <name>', 'only those of a connection')
    .option('--limit <n>', 'at most so many, newest first', '100')
    .action(
      act(
        cli,
        async (options: CommonOptions & { state?: ListSessionsQuery['state']; connection?: string; limit: string }) => {
          const { state, connection, limit } = options;
          const query: ListSessionsQuery = {
            limit,
            ...(state === undefined ? {} : { state }),
            ...(connection === undefined ? {} : { connection }),
          };
          printList(cli, options, {
            items: await signedIn(cli).api.listSessions(query),
            columns: [
              ['id', ({ id }) => id],
              ['who', ({ principal }) => principal],
              ['connection', (session) => session.connection],
              ['state', (session) => session.state],
              ['opened', ({ openedAt }) => openedAt],
              ['statements', ({ statements }) => statements],
              ['denied', ({ denied }) => denied],
              ['recording', ({ recording }) => recording],
            ],
            empty: 'There are no sessions.',
          });
        },
      ),
    );
}

function show(cli: Cli, options: CommonOptions, session: Session): void {
  const { id, principal, connection, via, state, openedAt, endedAt, endReason } = session;
  printRecord(cli, options, session, [
    ['id', id],
    ['who', principal],
    ['connection', connection],
    ['via', via],
    ['from', session.clientAddress],
    ['state', state],
    ['opened', openedAt],
    ['ended', endedAt === null ? null : `${endedAt}: ${endReason ?? ''}`],
    ['channels', session.channels],
    ['statements', session.statements],
    ['denied', session.denied],
    ['recording', session.recording],
  ]);
}

async function play(cli: Cli, id: string, options: CommonOptions): Promise<void> {
  const transcript = createTranscript();
  for await (const line of signedIn(cli).api.sessionEvents(id)) {
    if (options.json === true) printJson(cli, line);
    else for (const text of transcript.of(line)) printLine(cli, text);
  }
  for (const text of transcript.end()) printLine(cli, text);
}
