import type { Duplex } from 'node:stream';
import { isWeirError, WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { type ClientSession, endQuietly, openSession, openStreamTo } from '../gateway/open-session.ts';
import { readStreamFile } from './session-folder.ts';

/** Host names of ssh_config that lead to connections end in this. */
export const hostSuffix = '.weir';

/** Carries standard input and output to a session that is open. @throws WeirError when the way breaks. */
export function runProxyOfStream(cli: Cli, file: string): Promise<void> {
  return carryStandardStreams(cli, openStreamTo(signedIn(cli), readStreamFile(file)));
}

/** Opens a session for a host name of ssh_config and carries standard input and output to it. @throws WeirError. */
export async function runProxyOfHost(cli: Cli, host: string): Promise<void> {
  const connection = host.endsWith(hostSuffix) ? host.slice(0, -hostSuffix.length) : host;
  let session: ClientSession | undefined;
  try {
    session = await openSession(signedIn(cli), connection);
    if (session.opened.protocol !== 'ssh') {
      throw new WeirError('invalid_request', `The connection ${connection} is no SSH host.`, {
        fix: `weir connect ${connection}`,
      });
    }
    await carryStandardStreams(cli, session.openStream());
  } finally {
    if (session !== undefined) await endQuietly(cli, session, 'closed by ssh');
  }
}

function carryStandardStreams(cli: Cli, stream: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (error?: unknown): void => {
      cli.onSignal = undefined;
      cli.stdin.unpipe(stream);
      cli.stdin.destroy();
      if (error === undefined) resolve();
      else
        reject(
          isWeirError(error)
            ? error
            : new WeirError('gateway_unavailable', 'The connection to the gateway broke.', { cause: error }),
        );
    };
    // ssh ends its ProxyCommand with SIGHUP.
    cli.onSignal = () => {
      stream.destroy();
    };
    stream.on('error', over);
    stream.on('close', () => over());
    cli.stdin.on('error', () => stream.destroy());
    stream.pipe(cli.stdout, { end: false });
    cli.stdin.pipe(stream);
  });
}
