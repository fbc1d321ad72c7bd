import { WeirError } from '@weir/errors';
import { Command, CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { addAgent } from './commands/agent.ts';
import { addApply } from './commands/apply.ts';
import { addAudit } from './commands/audit.ts';
import { addBudgets } from './commands/budgets.ts';
import { addConnect } from './commands/connect.ts';
import { addConnections } from './commands/connections.ts';
import { addCredentials } from './commands/credentials.ts';
import { addDelegations } from './commands/delegations.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExec } from './commands/exec.ts';
import { addGateway } from './commands/gateway.ts';
import { addBreakGlass, addGrants } from './commands/grants.ts';
import { addLogin } from './commands/login.ts';
import { addLogout } from './commands/logout.ts';
import { addLs } from './commands/ls.ts';
import { addNotifications } from './commands/notifications.ts';
import { addPolicy } from './commands/policy.ts';
import { addRequests } from './commands/requests.ts';
import { addServiceAccounts } from './commands/service-accounts.ts';
import { addSessions } from './commands/sessions.ts';
import { addSsh } from './commands/ssh.ts';
import { addSshKeys } from './commands/ssh-keys.ts';
import { addStatus } from './commands/status.ts';
import { addUsers } from './commands/users.ts';
import { addWhoami } from './commands/whoami.ts';
import { failureOf, printFailure } from './terminal/failure.ts';
import { weirVersion } from './version.ts';

const commands = [
  addLogin,
  addLogout,
  addWhoami,
  addLs,
  addConnect,
  addExec,
  addSsh,
  addSshKeys,
  addCredentials,
  addRequests,
  addGrants,
  addBreakGlass,
  addBudgets,
  addNotifications,
  addSessions,
  addAudit,
  addPolicy,
  addConnections,
  addApply,
  addUsers,
  addServiceAccounts,
  addDelegations,
  addAgent,
  addGateway,
  addStatus,
  addDoctor,
];

/** Runs one command line (without node and script). Never throws. @returns the exit status. */
export async function runCli(args: readonly string[], cli: Cli): Promise<number> {
  const program = createProgram(cli);
  try {
    await program.parseAsync(args, { from: 'user' });
    return cli.status;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const shown = error instanceof CommanderError ? usageError(error) : error;
    const failure = failureOf(shown);
    printFailure(cli, failure);
    if (failure.status === 1 && failure.code === 'internal' && cli.env['WEIR_DEBUG'] && error instanceof Error) {
      cli.stderr.write(`${error.stack ?? ''}\n`);
    }
    return failure.status;
  }
}

function createProgram(cli: Cli): Command {
  const program = new Command('weir')
    .description('Weir: one gate to production databases')
    .version(weirVersion)
    // `weir ssh` hands options on that it does not know.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void cli.stdout.write(text),
      // Usage errors are printed once, in the form of all errors; commander's help on an error is not data either.
      writeErr: (text) => void cli.stderr.write(text),
      outputError: () => undefined,
    })
    .addHelpText('after', '\nStart with: weir login, then weir ls. Exit statuses and scripts: docs/cli.md');
  for (const add of commands) add(program, cli);
  return program;
}

/** Commander's error as one of ours. The help that is printed when a subcommand is missing is message enough, so the message is short. */
function usageError(error: CommanderError): WeirError {
  if (error.code === 'commander.help') {
    return new WeirError('invalid_request', 'A command is missing.', {
      fix: 'Choose one of those above.',
      cause: error,
    });
  }
  const [what = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const advice = rest.join(' ').replace(/^\(|\)$/g, '');
  return new WeirError('invalid_request', `${what.charAt(0).toUpperCase()}${what.slice(1)}.`.replace(/\.\.$/, '.'), {
    fix: advice === '' ? 'weir --help, or weir COMMAND --help' : advice,
    cause: error,
  });
}
