import type { ApiClient, ListRequestsQuery } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printList, printRecord } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';
import { recordOfRequest } from './request-record.ts';

/** `weir requests` */
export function addRequests(program: Command, cli: Cli): void {
  const requests = program.command('requests').description('Statements that need the approval of another person');
  leaf(requests, 'ls', 'List requests: your own and those that you may decide', [
    'weir requests ls',
    'weir requests ls --state pending --json',
  ])
    .option('--state <state>', 'pending, approved, denied, expired, withdrawn or used')
    .option('--limit <n>', 'at most so many, newest first', '100')
    .action(
      act(cli, async (options: CommonOptions & { state?: ListRequestsQuery['state']; limit: string }) => {
        const { state, limit } = options;
        printList(cli, options, {
          items: await signedIn(cli).api.listRequests({ limit, ...(state === undefined ? {} : { state }) }),
          columns: [
            ['id', ({ id }) => id],
            ['state', (request) => request.state],
            ['who', ({ principal }) => principal],
            ['connection', ({ connection }) => connection],
            ['rule', ({ rule }) => rule],
            ['until', ({ expiresAt }) => expiresAt],
            ['statement', ({ statement }) => shortened(statement)],
          ],
          empty: 'There are no requests.',
        });
      }),
    );
  leaf(requests, 'show', 'Show a request with its statement', ['weir requests show req_abc123'])
    .argument('<id>', 'request')
    .action(
      act(cli, async (id: string, options: CommonOptions) => {
        const request = await signedIn(cli).api.showRequest(id);
        printRecord(cli, options, request, recordOfRequest(request));
      }),
    );
  addDecision(requests, cli, 'approve', 'Let a statement of another person run, once');
  addDecision(requests, cli, 'deny', 'Refuse a statement of another person');
  leaf(requests, 'wait', 'Wait until a request is decided: exit status 0 approved, 5 denied or expired', [
    'weir requests wait req_abc123',
  ])
    .argument('<id>', 'request')
    .action(act(cli, async (id: string, options: CommonOptions) => wait(cli, signedIn(cli).api, id, options)));
}

function addDecision(requests: Command, cli: Cli, decision: 'approve' | 'deny', description: string): void {
  leaf(requests, decision, description, [`weir requests ${decision} req_abc123 --reason "ticket 4711"`])
    .argument('<id>', 'request')
    .option('--reason <text>', 'why; kept in the audit log and shown to the person who asked', '')
    .action(
      act(cli, async (id: string, options: CommonOptions & { reason: string }) => {
        const decided = await signedIn(cli).api.decideRequest(id, { decision, reason: options.reason });
        if (options.json === true) return printJson(cli, decided);
        note(cli, `${wordOf(decided.state)} ${id} of ${decided.principal}: ${shortened(decided.statement)}`);
        if (decided.state === 'approved' && decided.mode === 'retry') note(cli, 'It runs once when it is sent again.');
      }),
    );
}

async function wait(cli: Cli, api: ApiClient, id: string, options: CommonOptions): Promise<void> {
  let request = await api.showRequest(id);
  while (request.state === 'pending') {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    request = await api.showRequest(id);
  }
  if (request.state === 'approved' || request.state === 'used') {
    if (options.json === true) printJson(cli, request);
    else note(cli, `${id} was approved by ${request.decidedBy ?? 'somebody'}.`);
    return;
  }
  const by = request.decidedBy === null ? '' : ` by ${request.decidedBy}`;
  const why = request.decisionReason ? { why: request.decisionReason } : {};
  throw new WeirError(
    request.state === 'denied' ? 'approval_denied' : 'approval_expired',
    `${id} is ${request.state}${by}.`,
    why,
  );
}

/** A decision that is not the last one leaves the request open. */
function wordOf(state: string): string {
  return state === 'approved' ? 'Approved' : state === 'denied' ? 'Denied' : 'Counted, and others must decide as well:';
}

function shortened(statement: string): string {
  const line = statement.replace(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
