import type { ApiClient } from '@weir/api';
import { WeirError } from '@weir/errors';
import { tryDuration } from '@weir/policy';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

interface NewOptions extends CommonOptions {
  readonly for: string;
  readonly reason: string;
  readonly ticket?: string;
  readonly rule?: string;
  readonly wait?: boolean;
}

/** `weir requests new` */
export function addNewRequest(requests: Command, cli: Cli): void {
  leaf(requests, 'new', 'Ask for access to a connection for a while', [
    'weir requests new orders --for 2h --reason "repair of order 4711"',
    'weir requests new orders --for 30m --reason "slow query" --ticket INC-12 --wait && weir connect orders',
  ])
    .argument('<name>', 'connection')
    .requiredOption('--for <time>', 'how long, from the moment of the approval: 30m, 2h, 1d')
    .option('--reason <text>', 'why; approvers see it, and it stays in the audit log', '')
    .option('--ticket <word>', 'ticket that it belongs to')
    .option('--rule <name>', 'by this rule, when several fit')
    .option('--wait', 'wait until it is decided: exit status 0 approved, 5 denied or expired')
    .action(
      act(cli, async (connection: string, options: NewOptions) => {
        const { api } = signedIn(cli);
        const { reason, ticket, rule } = options;
        const asked = await api.newAccessRequest({
          ...{ connection, seconds: secondsOf(options.for), reason },
          ...(ticket === undefined ? {} : { ticket }),
          ...(rule === undefined ? {} : { rule }),
        });
        if (asked.state === 'pending' && options.wait === true) {
          note(cli, `${asked.id} waits for ${asked.approvers.join(asked.require === 'all-of' ? ' and ' : ' or ')}.`);
          return waitForAccess(cli, api, asked.id, options);
        }
        if (options.json === true) return printJson(cli, asked);
        if (asked.state === 'approved') return note(cli, `Granted at once. Now: weir connect ${connection}`);
        note(cli, `${asked.id} waits for ${asked.approvers.join(asked.require === 'all-of' ? ' and ' : ' or ')}.`);
        note(cli, `They run: weir requests approve ${asked.id}. You can: weir requests wait ${asked.id}`);
      }),
    );
}

/** Is it the id of a request for access, and not of one for a statement? */
export function isAccess(id: string): boolean {
  return id.startsWith('acc_');
}

/** Waits until the request is decided. @throws WeirError approval_denied, approval_expired. */
export async function waitForAccess(cli: Cli, api: ApiClient, id: string, options: CommonOptions): Promise<void> {
  let request = await api.showAccessRequest(id);
  while (request.state === 'pending') {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    request = await api.showAccessRequest(id);
  }
  const by = request.decidedBy === null ? '' : ` by ${request.decidedBy}`;
  if (request.state === 'approved') {
    if (options.json === true) printJson(cli, request);
    else note(cli, `${id} was approved${by}. Now: weir connect ${request.connection}`);
    return;
  }
  const why = request.decisionReason ? { why: request.decisionReason } : {};
  const code = request.state === 'denied' ? 'approval_denied' : 'approval_expired';
  throw new WeirError(code, `${id} is ${request.state}${by}.`, why);
}

/** Seconds of `2h`. @throws WeirError invalid_request. */
export function secondsOf(text: string): number {
  const ms = tryDuration(text);
  if (ms !== undefined) return ms / 1000;
  throw new WeirError('invalid_request', `"${text}" is not a time such as 30m, 2h or 1d (7d at most).`);
}
