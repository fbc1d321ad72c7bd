import type { Duplex } from 'node:stream';
import type { OpenSessionResponse } from '@weir/api';
import { WeirError } from '@weir/errors';
import { openFrontConnection } from '@weir/tunnel';
import type { SignedIn } from './api.ts';
import { withNameAdvice } from './name-advice.ts';

/** An open session with a way to its front door. */
export interface ClientSession {
  readonly opened: OpenSessionResponse;
  /** One new byte stream to the door; errors arrive as its 'error' event. @throws WeirError when the address or CA cannot be used. */
  openStream(): Duplex;
  /** Ends the session at the gateway. @throws WeirError when it cannot be told. */
  end(reason: string): Promise<void>;
}

/** Opens a session. @throws WeirError: not_found with advice, not_permitted, agent_unavailable and so on. */
export async function openSession(signedIn: SignedIn, connection: string): Promise<ClientSession> {
  const { api, gateway, authorizer } = signedIn;
  const opened = await withNameAdvice(api, connection, () => api.openSession({ connection, via: 'connect' }));
  // What the user or the checkout named goes before what the gateway says.
  const address = gateway.front ?? opened.front.address;
  const ca = gateway.ca ?? opened.front.ca;
  return {
    opened,
    openStream: () =>
      openFrontConnection({
        ...{ address, ca, sessionId: opened.id },
        authorize: (method, url) => authorizer.authorize(method, url),
      }),
    end: (reason) => api.killSession(opened.id, { reason }),
  };
}

/** The database of a session. @throws WeirError invalid_request when the connection is no database. */
export function databaseOf({ connection, protocol, database }: OpenSessionResponse): string {
  if (database !== undefined) return database;
  throw new WeirError('invalid_request', `The connection ${connection} is no database: it speaks ${protocol}.`, {
    fix: `weir ${protocol} ${connection}`,
  });
}
