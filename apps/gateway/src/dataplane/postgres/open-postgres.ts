import { WeirError } from '@weir/errors';
import { type ChannelGround, openChannel } from '../open-channel.ts';
import type { CancelKeys } from './cancel-keys.ts';
import type { AdmittedClient } from './postgres-door.ts';
import { createPostgresRelay } from './postgres-relay.ts';

/** Opens the channel of a PostgreSQL client that has signed in. */
export function openPostgresChannel(ground: ChannelGround, cancelKeys: CancelKeys, client: AdmittedClient): void {
  const { session, clientAddress, stream, early, parameters } = client;
  const { target } = session;
  if (target.protocol !== 'postgres') throw new WeirError('internal', 'the door let a client of another protocol in');
  const key = cancelKeys.issue(client.minor, () => relay.cancel());
  const relay = openChannel(ground, {
    ...{ session, target, clientAddress, needsSecret: true },
    createRelay: (parts) => createPostgresRelay({ ...parts, client: stream, early }),
    contentOf: (basis, sealed) => ({
      ...basis,
      target: sealed,
      postgres: { parameters, processId: key.processId, secretKey: key.secretKey.toString('base64') },
    }),
    onClosed: () => cancelKeys.withdraw(key),
  });
}
