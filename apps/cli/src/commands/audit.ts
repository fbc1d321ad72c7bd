import type { ListAuditQuery } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { AnchorCheck } from '@weir/recording';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { verifyFolder } from '../evidence/verify-folder.ts';
import { isWhole, verifyOnline } from '../evidence/verify-recordings.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printLine, printList } from '../terminal/output.ts';
import { visible } from '../terminal/visible.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir audit` */
export function addAudit(program: Command, cli: Cli): void {
  const audit = program
    .command('audit')
    .description('The audit log, and proof that recordings are whole (administrators, auditors)');
  addList(audit, cli);
  leaf(audit, 'verify', 'Verify recordings against what the store anchored; exit status 1 when evidence is broken', [
    'weir audit verify',
    'weir audit verify ses_abc',
    'weir audit verify --offline ./recordings --anchors anchors.json',
  ])
    .argument('[sessions...]', 'only these sessions')
    .option('--offline <folder>', 'verify copies of the files in a folder, without a gateway')
    .option('--anchors <file>', 'anchors for --offline, from weir audit anchors --json')
    .action(act(cli, (sessions: string[], options: VerifyOptions) => verify(cli, sessions, options)));
  leaf(audit, 'anchors', 'Export what the store says that each recording must be', [
    'weir audit anchors --json > anchors.json',
  ]).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listAnchors(),
        columns: [
          ['session', ({ session }) => session],
          ['file', ({ file }) => file],
          ['entries', ({ entries }) => entries],
          ['bytes', ({ bytes }) => bytes],
          ['sealed', ({ sealed }) => sealed],
          ['head', ({ headHash }) => headHash],
        ],
        empty: 'Nothing was recorded yet.',
      });
    }),
  );
}

interface VerifyOptions extends CommonOptions {
  readonly offline?: string;
  readonly anchors?: string;
}

function addList(audit: Command, cli: Cli): void {
  leaf(audit, 'ls', 'List audit events, oldest first', [
    'weir audit ls --action session-opened',
    'weir audit ls --after 1200 --json',
  ])
    .option('--after <id>', 'only events after this one')
    .option('--action <word>', 'only this action, e.g. login-failed')
    .option('--actor <name>', 'only what this person did')
    .option('--limit <n>', 'at most so many', '100')
    .action(
      act(cli, async (options: CommonOptions & ListAuditQuery) => {
        const { after, action, actor, limit } = options;
        const given = Object.entries({ after, action, actor, limit }).filter(([, value]) => value !== undefined);
        printList(cli, options, {
          items: await signedIn(cli).api.listAuditEvents(Object.fromEntries(given)),
          columns: [
            ['id', ({ id }) => id],
            ['at', ({ at }) => at],
            ['actor', (event) => event.actor],
            ['action', (event) => event.action],
            ['subject', ({ subject }) => subject],
            ['detail', ({ detail }) => JSON.stringify(detail)],
          ],
          empty: 'There are no such events.',
        });
      }),
    );
}

async function verify(cli: Cli, sessions: readonly string[], options: VerifyOptions): Promise<void> {
  const checks = checksOf(cli, sessions, options);
  const counts = { sealed: 0, open: 0, broken: 0, missing: 0, unanchored: 0 };
  let firstBroken: AnchorCheck | undefined;
  for await (const check of checks) {
    counts[check.status] += 1;
    if (!isWhole(check)) firstBroken ??= check;
    if (options.json === true) printJson(cli, jsonOf(check));
    else
      printLine(
        cli,
        [isWhole(check) ? 'ok' : 'BROKEN', check.session ?? check.file, check.status, visible(check.why)].join('\t'),
      );
  }
  const whole = counts.sealed + counts.open;
  const bad = counts.broken + counts.missing + counts.unanchored;
  note(
    cli,
    `${whole + bad} recordings: ${counts.sealed} sealed and whole, ${counts.open} open and whole, ${bad} broken.`,
  );
  if (firstBroken === undefined) return;
  const { session, file, why } = firstBroken;
  throw new WeirError(
    'evidence_broken',
    `${bad} ${bad === 1 ? 'recording is' : 'recordings are'} not what was recorded.`,
    {
      why: `${session ?? file}: ${why}`,
    },
  );
}

function checksOf(
  cli: Cli,
  sessions: readonly string[],
  { offline, anchors }: VerifyOptions,
): AsyncGenerator<AnchorCheck> {
  if ((offline === undefined) !== (anchors === undefined)) {
    throw new WeirError('invalid_request', '--offline and --anchors belong together.', {
      fix: 'weir audit verify --offline FOLDER --anchors FILE',
    });
  }
  if (offline !== undefined && anchors !== undefined) return verifyFolder(offline, anchors, sessions);
  return verifyOnline(signedIn(cli).api, sessions);
}

function jsonOf(check: AnchorCheck): object {
  const { session, file, status, why, verification } = check;
  const place = verification?.ok === false ? { chunk: verification.chunk, offset: verification.offset } : {};
  const entries = verification?.ok === true ? { entries: verification.entries, bytes: verification.bytes } : {};
  return { session, file, ok: isWhole(check), status, why, ...entries, ...place };
}
