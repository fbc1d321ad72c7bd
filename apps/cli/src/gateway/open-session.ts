import type { Duplex } from 'node:stream';
import type { OpenSessionResponse } from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import { openFrontConnection } from '@weir/tunnel';
import type { Cli } from '../cli.ts';
import { note } from '../terminal/output.ts';
import type { SignedIn } from './api.ts';
import { withNameAdvice } from './name-advice.ts';

/** Where the byte streams of a session begin. */
export interface StreamAddress {
  readonly session: string;
  /** `host:port` of the front door. */
  readonly address: string;
  /** PEM of the CA that its certificate ends in. */
  readonly ca: string;
}

/** An open session with a way to its front door. */
export interface ClientSession {
  readonly opened: OpenSessionResponse;
  readonly address: StreamAddress;
  /** One new byte stream to the door; errors arrive as its 'error' event. @throws WeirError when the address or CA cannot be used. */
  openStream(): Duplex;
  /** Ends the session at the gateway. @throws WeirError when it cannot be told. */
  end(reason: string): Promise<void>;
}

/** Opens a session. @throws WeirError: not_found with advice, not_permitted, agent_unavailable and so on. */
export async function openSession(signedIn: SignedIn, connection: string): Promise<ClientSession> {
  const { api, gateway } = signedIn;
  const opened = await withNameAdvice(api, connection, () => api.openSession({ connection, via: 'connect' }));
  const address: StreamAddress = {
    session: opened.id,
    // What the user or the checkout named goes before what the gateway says.
    address: gateway.front ?? opened.front.address,
    ca: gateway.ca ?? opened.front.ca,
  };
  return {
    ...{ opened, address },
    openStream: () => openStreamTo(signedIn, address),
    end: (reason) => api.killSession(opened.id, { reason }),
  };
}

/** One new byte stream of a session that is open; errors arrive as its 'error' event. @throws WeirError when the address or CA cannot be used. */
export function openStreamTo({ authorizer }: SignedIn, { session, address, ca }: StreamAddress): Duplex {
  return openFrontConnection({
    ...{ address, ca, sessionId: session },
    authorize: (method, url) => authorizer.authorize(method, url),
  });
}

/** Ends the session; that it is over already, or that nobody answers, changes nothing for the user. */
export async function endQuietly(cli: Cli, session: ClientSession, reason: string): Promise<void> {
  try {
    await session.end(reason);
  } catch (error) {
    if (!isWeirError(error)) throw error;
    if (error.code === 'gateway_unavailable')
      note(cli, `note: the session could not be ended at the gateway: ${error.message}`);
  }
}

/** The database of a session. @throws WeirError invalid_request when the connection is no database. */
export function databaseOf({ connection, protocol, database }: OpenSessionResponse): string {
  if (database !== undefined) return database;
  throw new WeirError('invalid_request', `The connection ${connection} is no database: it speaks ${protocol}.`, {
    fix: `weir ${protocol} ${connection}`,
  });
}
