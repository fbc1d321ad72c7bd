import {
  type AccessRequest,
  type ApiClient,
  type ApprovalRequest,
  accessRequestStateSchema,
  requestStateSchema,
} from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printList, printRecord } from '../terminal/output.ts';
import { lengthOf, recordOfAccess } from './access-record.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';
import { addNewRequest, isAccess, waitForAccess } from './new-request.ts';
import { recordOfRequest } from './request-record.ts';

/** `weir requests` */
export function addRequests(program: Command, cli: Cli): void {
  const requests = program
    .command('requests')
    .description('What needs the approval of another person: access for a while, and statements');
  addNewRequest(requests, cli);
  leaf(requests, 'ls', 'List requests: your own and those that you may decide', [
    'weir requests ls',
    'weir requests ls --state pending --json',
  ])
    .option('--state <state>', 'pending, approved, denied, expired, withdrawn, used, cancelled or outdated')
    .option('--limit <n>', 'at most so many, newest first', '100')
    .action(
      act(cli, async (options: CommonOptions & { state?: string; limit: string }) => {
        printList(cli, options, {
          items: await listBoth(signedIn(cli).api, options),
          columns: [
            ['id', ({ id }) => id],
            ['state', (request) => request.state],
            ['who', ({ principal }) => principal],
            ['connection', ({ connection }) => connection],
            ['rule', ({ rule }) => rule],
            ['until', ({ expiresAt }) => expiresAt],
            ['what', whatOf],
          ],
          empty: 'There are no requests.',
        });
      }),
    );
  leaf(requests, 'show', 'Show a request with all that helps to decide it', [
    'weir requests show acc_abc12345',
    'weir requests show req_abc123',
  ])
    .argument('<id>', 'request')
    .action(
      act(cli, async (id: string, options: CommonOptions) => {
        const { api } = signedIn(cli);
        if (isAccess(id)) {
          const request = await api.showAccessRequest(id);
          return printRecord(cli, options, request, recordOfAccess(request));
        }
        const request = await api.showRequest(id);
        printRecord(cli, options, request, recordOfRequest(request));
      }),
    );
  addDecision(requests, cli, 'approve', 'Let another person in for a while, or let a statement run once');
  addDecision(requests, cli, 'deny', 'Refuse access to another person, or a statement');
  addCancel(requests, cli);
  leaf(requests, 'wait', 'Wait until a request is decided: exit status 0 approved, 5 denied or expired', [
    'weir requests wait acc_abc12345',
    'weir requests wait req_abc123',
  ])
    .argument('<id>', 'request')
    .action(
      act(cli, async (id: string, options: CommonOptions) => {
        const { api } = signedIn(cli);
        await (isAccess(id) ? waitForAccess(cli, api, id, options) : wait(cli, api, id, options));
      }),
    );
}

/** Requests of both sorts, newest first. A state that one sort does not have finds nothing of it. */
async function listBoth(
  api: ApiClient,
  { state, limit }: { readonly state?: string; readonly limit: string },
): Promise<(AccessRequest | ApprovalRequest)[]> {
  const forStatements = requestStateSchema.safeParse(state);
  const forAccess = accessRequestStateSchema.safeParse(state);
  if (state !== undefined && !forStatements.success && !forAccess.success) {
    throw new WeirError('invalid_request', `"${state}" is not a state of requests.`, {
      fix: `Use one of: ${[...new Set([...requestStateSchema.options, ...accessRequestStateSchema.options])].join(', ')}`,
    });
  }
  const lists = await Promise.all([
    state !== undefined && !forStatements.success
      ? []
      : api.listRequests({ limit, ...(forStatements.data && { state: forStatements.data }) }),
    state !== undefined && !forAccess.success
      ? []
      : api.listAccessRequests({ limit, ...(forAccess.data && { state: forAccess.data }) }),
  ]);
  const both: (AccessRequest | ApprovalRequest)[] = lists.flat();
  return both.sort((left, right) => (left.createdAt < right.createdAt ? 1 : -1)).slice(0, Number(limit));
}

function whatOf(request: AccessRequest | ApprovalRequest): string {
  if ('statement' in request) return shortened(request.statement);
  return shortened(`access for ${lengthOf(request.seconds)}${request.reason === '' ? '' : `: ${request.reason}`}`);
}

function addCancel(requests: Command, cli: Cli): void {
  leaf(requests, 'cancel', 'Take your own request for access back', ['weir requests cancel acc_abc12345'])
    .argument('<id>', 'request')
    .action(
      act(cli, async (id: string, options: CommonOptions) => {
        const cancelled = await signedIn(cli).api.cancelAccessRequest(id);
        if (options.json === true) printJson(cli, cancelled);
        else note(cli, `Took ${id} back.`);
      }),
    );
}

function addDecision(requests: Command, cli: Cli, decision: 'approve' | 'deny', description: string): void {
  leaf(requests, decision, description, [`weir requests ${decision} req_abc123 --reason "ticket 4711"`])
    .argument('<id>', 'request')
    .option('--reason <text>', 'why; kept in the audit log and shown to the person who asked', '')
    .action(
      act(cli, async (id: string, options: CommonOptions & { reason: string }) => {
        const { api } = signedIn(cli);
        const body = { decision, reason: options.reason };
        if (isAccess(id)) {
          const access = await api.decideAccessRequest(id, body);
          if (options.json === true) return printJson(cli, access);
          return note(cli, `${wordOf(access.state)} ${id} of ${access.principal}: ${whatOf(access)}`);
        }
        const decided = await api.decideRequest(id, body);
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
