import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { type ClientSession, endQuietly, openSession } from '../gateway/open-session.ts';
import { runProgram } from '../terminal/run-program.ts';
import { requireSsh } from './require-ssh.ts';
import { createSessionFolder, type SessionFolder } from './session-folder.ts';
import { parseSshArguments } from './ssh-arguments.ts';
import { asOptions, selfAsProxy } from './ssh-settings.ts';

/** A client signs in at once: the certificate need not live longer. */
const certificateSeconds = 300;

/** As of every command that Ctrl-C ends. */
const cancelledStatus = 3;

/**
 * Runs OpenSSH's client on a session of its own. Standard streams, terminal and exit status are ssh's.
 * @returns the status of the command, 255 when ssh itself failed.
 * @throws WeirError before ssh has started: not_permitted, agent_unavailable and so on.
 */
export async function runSsh(cli: Cli, args: readonly string[]): Promise<number> {
  const { options, connection, command } = parseSshArguments(args);
  const ssh = requireSsh(cli);
  const access = signedIn(cli);
  let session: ClientSession | undefined;
  let folder: SessionFolder | undefined;
  // Ctrl-C while the session is being opened: it must be ended, too.
  let isStopped = false;
  cli.onSignal = () => {
    isStopped = true;
  };
  try {
    session = await openSession(access, connection);
    folder = await createSessionFolder(cli, access.api, session, certificateSeconds);
    if (isStopped) return cancelledStatus;
    const way = asOptions([
      ['ProxyCommand', selfAsProxy(['ssh-proxy', '--stream', folder.stream])],
      ['ProxyUseFdpass', 'no'],
      ...folder.settings,
    ]);
    return await runProgram(cli, ssh, [...way, ...options, '--', connection, ...command], cli.env);
  } finally {
    cli.onSignal = undefined;
    folder?.remove();
    if (session !== undefined) await endQuietly(cli, session, 'closed by weir ssh');
  }
}
