import type { ListGrantsQuery } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printList, printRecord } from '../terminal/output.ts';
import { recordOfGrant, reviewOf } from './access-record.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';
import { secondsOf } from './new-request.ts';

/** `weir grants` */
export function addGrants(program: Command, cli: Cli): void {
  const grants = program.command('grants').description('Access that was granted for a while');
  leaf(grants, 'ls', 'List grants: your own and those that you watch over', [
    'weir grants ls --state active',
    'weir grants ls --state to-review',
  ])
    .option('--state <state>', 'active, ended, revoked or to-review')
    .option('--limit <n>', 'at most so many, newest first', '100')
    .action(
      act(cli, async (options: CommonOptions & { state?: ListGrantsQuery['state']; limit: string }) => {
        const { state, limit } = options;
        printList(cli, options, {
          items: await signedIn(cli).api.listGrants({ limit, ...(state === undefined ? {} : { state }) }),
          columns: [
            ['id', ({ id }) => id],
            ['state', (grant) => grant.state],
            ['kind', ({ kind }) => kind],
            ['who', ({ principal }) => principal],
            ['connection', ({ connection }) => connection],
            ['until', ({ until }) => until],
            ['reason', ({ reason }) => reason],
            ['review', ({ review }) => (review === null ? '' : reviewOf(review))],
          ],
          empty: 'There are no grants.',
        });
      }),
    );
  leaf(grants, 'show', 'Show a grant', ['weir grants show grt_abc12345'])
    .argument('<id>', 'grant')
    .action(
      act(cli, async (id: string, options: CommonOptions) => {
        const grant = await signedIn(cli).api.showGrant(id);
        printRecord(cli, options, grant, recordOfGrant(grant));
      }),
    );
  leaf(grants, 'revoke', 'End a grant and its sessions now', ['weir grants revoke grt_abc12345 --reason "done"'])
    .argument('<id>', 'grant')
    .option('--reason <text>', 'why; kept in the audit log', '')
    .action(
      act(cli, async (id: string, options: CommonOptions & { reason: string }) => {
        const grant = await signedIn(cli).api.revokeGrant(id, { reason: options.reason });
        if (options.json === true) printJson(cli, grant);
        else note(cli, `Revoked ${id} of ${grant.principal}; its sessions have ended.`);
      }),
    );
  addReview(grants, cli);
}

function addReview(grants: Command, cli: Cli): void {
  leaf(grants, 'review', 'Say what you think of a break-glass of another person', [
    'weir grants review grt_abc12345 --verdict justified --comment "the database was down"',
  ])
    .argument('<id>', 'grant')
    .requiredOption('--verdict <verdict>', 'justified or not-justified')
    .requiredOption('--comment <text>', 'what you found; kept with the grant and in the audit log')
    .action(
      act(cli, async (id: string, options: CommonOptions & { verdict: string; comment: string }) => {
        const { verdict, comment } = options;
        if (verdict !== 'justified' && verdict !== 'not-justified') {
          throw new WeirError('invalid_request', 'The verdict is justified or not-justified.');
        }
        const grant = await signedIn(cli).api.reviewGrant(id, { verdict, comment });
        if (options.json === true) printJson(cli, grant);
        else note(cli, `Reviewed ${id} of ${grant.principal}: ${verdict}.`);
      }),
    );
}

/** `weir break-glass` */
export function addBreakGlass(program: Command, cli: Cli): void {
  leaf(program, 'break-glass', 'Take access at once in an emergency; others are told, and review it afterwards', [
    'weir break-glass orders --reason "production is down" && weir connect orders -- psql',
  ])
    .argument('<name>', 'connection')
    .requiredOption('--reason <text>', 'what the emergency is')
    .option('--ticket <word>', 'ticket that it belongs to')
    .option('--for <time>', 'how long: 30m, 1h (default: as long as the rule allows)')
    .action(
      act(
        cli,
        async (connection: string, options: CommonOptions & { reason: string; ticket?: string; for?: string }) => {
          const { reason, ticket } = options;
          const grant = await signedIn(cli).api.breakGlass({
            ...{ connection, reason },
            ...(ticket === undefined ? {} : { ticket }),
            ...(options.for === undefined ? {} : { seconds: secondsOf(options.for) }),
          });
          if (options.json === true) return printJson(cli, grant);
          note(
            cli,
            `${grant.id}: you have access to ${connection} until ${grant.until}. Now: weir connect ${connection}`,
          );
          note(cli, `This was told to others. ${grant.review?.by.join(' or ') ?? 'Somebody'} reviews it.`);
        },
      ),
    );
}
