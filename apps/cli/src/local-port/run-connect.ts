import { once } from 'node:events';
import type { Socket } from 'node:net';
import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { type SignedIn, signedIn } from '../gateway/api.ts';
import { type ClientSession, endQuietly, openSession } from '../gateway/open-session.ts';
import { note, printJson, printLine } from '../terminal/output.ts';
import { carry } from './carry.ts';
import { carryBytes } from './carry-bytes.ts';
import { dsnOf, psqlLine } from './client-settings.ts';
import { listenLocally } from './listen.ts';
import { runClient } from './run-client.ts';
import { announceSsh, openSshWay, runSshClient, type SshWay } from './ssh-clients.ts';
import { createStatusLine, type StatusLine } from './status-line.ts';
import { watchSession } from './watch-session.ts';

/** Clients of the port, each with the function that ends it. */
type Clients = Map<Socket, (error: WeirError) => void>;

/** What `weir connect` was asked for. */
export interface ConnectRequest {
  readonly connection: string;
  readonly port?: number | undefined;
  readonly json: boolean;
  /** Runs this with PG* set, and ends with it. Empty = stay until stopped. */
  readonly command: readonly string[];
}

/** Opens a session and its local port. @returns the exit status. */
export async function runConnect(cli: Cli, request: ConnectRequest): Promise<number> {
  const access = signedIn(cli);
  const clients: Clients = new Map();
  const status = createStatusLine(cli);
  let session: ClientSession | undefined;
  let ssh: SshWay | undefined;
  const redraw: { draw: () => void } = { draw: () => undefined };
  const take = (socket: Socket): void => {
    // Nobody has the password before the session is there.
    if (session === undefined) return void socket.destroy();
    const carryClient = session.opened.protocol === 'ssh' ? carryBytes : carry;
    const cut = carryClient(socket, session.openStream, (error) => {
      clients.delete(socket);
      if (error !== undefined && request.command.length === 0) status.say(`a client was cut off: ${error.message}`);
      redraw.draw();
    });
    if (!socket.destroyed) clients.set(socket, cut);
    redraw.draw();
  };
  const local = await listenLocally(request, take);
  // Ctrl-C while the session is being opened: it must be ended, too.
  let isStopped = false;
  cli.onSignal = () => {
    isStopped = true;
  };
  try {
    session = await openSession(access, request.connection);
    if (isStopped) return 0;
    if (session.opened.protocol === 'ssh') ssh = await openSshWay(cli, access.api, session, local.port);
    if (request.command.length > 0) {
      if (ssh !== undefined) return await runSshClient(cli, request.command, ssh);
      return await runClient(cli, request.command, session.opened, local.port);
    }
    if (ssh === undefined) announce(cli, request, session, local.port);
    else announceSsh(cli, request, session, ssh);
    redraw.draw = () =>
      status.show(
        `${request.connection}: ${clients.size} ${clients.size === 1 ? 'client' : 'clients'} connected, Ctrl-C ends it`,
      );
    redraw.draw();
    return await untilOver(cli, access, session, status);
  } finally {
    cli.onSignal = undefined;
    redraw.draw = () => undefined;
    status.clear();
    local.close();
    ssh?.remove();
    if (session !== undefined) await endQuietly(cli, session, 'closed by weir connect');
    await endClients(clients);
  }
}

function announce(cli: Cli, request: ConnectRequest, session: ClientSession, port: number): void {
  const { opened } = session;
  const dsn = dsnOf(opened, port);
  if (request.json) {
    printJson(cli, { port, dsn, session: opened.id });
    return;
  }
  printLine(cli, dsn);
  note(cli, `Session ${opened.id} on ${opened.connection}, until ${opened.expiresAt}. In another terminal:`);
  note(cli, `  ${psqlLine(dsn)}`);
}

/** Resolves with the exit status when a signal, the gateway or the token's end is the end of the session. */
function untilOver(cli: Cli, { api }: SignedIn, session: ClientSession, status: StatusLine): Promise<number> {
  return new Promise((resolve, reject) => {
    const stop = watchSession(api, session.opened.id, {
      onWaiting: ({ id, reason }) =>
        status.say(`statement waits for approval (${reason}): weir requests approve ${id}`),
      onSettled: ({ id }) => status.say(`request ${id} is settled`),
      onAway: (error) => status.say(`${error.message} Trying again.`),
      onBack: () => status.say('The gateway answers again.'),
      onEnded(reason) {
        reject(
          new WeirError('session_ended', 'The session was ended.', {
            why: reason,
            fix: `weir connect ${session.opened.connection}`,
          }),
        );
      },
      onSignedOut: reject,
    });
    cli.onSignal = () => {
      stop();
      cli.onSignal = undefined;
      resolve(0);
    };
  });
}

/** How long clients have to read their last words, ms. */
const farewellMs = 500;

/** The gateway tells clients why the session ended; those that it does not reach are told here. */
async function endClients(clients: Clients): Promise<void> {
  const allGone = async (): Promise<void> => {
    await Promise.all([...clients.keys()].filter((socket) => !socket.closed).map((socket) => once(socket, 'close')));
  };
  const farewell = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, farewellMs));
  await Promise.race([allGone(), farewell()]);
  for (const cut of clients.values()) cut(new WeirError('session_ended', 'The session is over.'));
  await Promise.race([allGone(), farewell()]);
  for (const socket of clients.keys()) socket.destroy();
}
