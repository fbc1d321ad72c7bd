import type { Socket } from 'node:net';
import type { ApiClient } from '@weir/api';
import { type BenchContext, startProgram, startWeirFor } from '../bench-context.ts';
import { openRawSession } from '../programs/raw-session.ts';
import { percentile, type Section } from '../section.ts';
import type { Weir } from '../weir.ts';

/** Something that takes access away, and how it is given back. */
interface Cause {
  readonly cause: string;
  /** What has to be so before the sessions are opened. */
  prepare?(admin: ApiClient): Promise<unknown>;
  take(admin: ApiClient): Promise<unknown>;
  giveBack(admin: ApiClient): Promise<unknown>;
}

const user = 'dora';
const connection = 'bench-pg';
const agent = 'bench-agent';

const accessByGrant = `apiVersion: weir.dev/v1
kind: Access
metadata: { name: bench-by-grant }
spec: { who: { groups: [developers] }, connections: { names: [${connection}] }, grant: required }
---
apiVersion: weir.dev/v1
kind: AccessRequest
metadata: { name: bench-ask }
spec:
  who: { groups: [developers] }
  connections: { names: [${connection}] }
  longest: 1h
  approvers: { groups: [admins] }
  autoApprove: request.seconds > 0
`;

/** How long clients stay connected after their access was taken: one client in each of many sessions. */
export async function measureRevocation(context: BenchContext): Promise<Section> {
  const count = context.quick ? 200 : 1_000;
  const stub = Number(await startProgram(context, 'stub-target', []).firstLine);
  const target = { host: '127.0.0.1', port: stub, database: 'stub', user: 'stub', password: 'stub' };
  const weir = await startWeirFor(context, { target });
  const admin = await weir.admin();
  const rows = [];
  for (const cause of await causesFor(admin, () => weir.as('masked'))) {
    context.progress(`revocation: ${count} sessions, then: ${cause.cause}`);
    const secondsUntilClosed = await revoke(weir, admin, cause, count);
    const [p50, last] = [percentile(secondsUntilClosed, 0.5), Math.max(...secondsUntilClosed)];
    rows.push({ cause: cause.cause, p50Seconds: p50, lastSeconds: last });
    await cause.giveBack(admin);
    await online(admin);
  }
  await weir.stop();
  const slowest = Math.max(...rows.map(({ lastSeconds }) => lastSeconds));
  return {
    name: 'revocation',
    title: `Revocation of ${count} live sessions`,
    notes: [
      'From the moment at which the request that takes the access away is sent to the gateway, until a client has lost its connection. Each session has one client; the target is a stub.',
    ],
    columns: [
      { key: 'cause', title: 'cause' },
      { key: 'p50Seconds', title: 'half of them, s', digits: 2 },
      { key: 'lastSeconds', title: 'the last, s', digits: 2 },
    ],
    rows: [...rows, { cause: 'slowest', p50Seconds: null, lastSeconds: slowest }],
  };
}

async function revoke(weir: Weir, admin: ApiClient, cause: Cause, count: number): Promise<number[]> {
  await cause.prepare?.(admin);
  const sockets = await connectAll(await weir.sessions(count));
  let startedMs = 0;
  const closed = sockets.map(
    (socket) =>
      new Promise<number>((resolve) => {
        socket.on('close', () => resolve((performance.now() - startedMs) / 1000));
        socket.resume();
      }),
  );
  startedMs = performance.now();
  const [seconds] = await Promise.all([Promise.all(closed), cause.take(admin)]);
  return seconds;
}

async function connectAll(dsns: readonly string[]): Promise<Socket[]> {
  const left = [...dsns];
  const sockets: Socket[] = [];
  const connectSome = async () => {
    for (let dsn = left.pop(); dsn !== undefined; dsn = left.pop()) {
      const { socket } = await openRawSession(dsn);
      socket.on('error', () => undefined);
      sockets.push(socket);
    }
  };
  await Promise.all(Array.from({ length: 8 }, connectSome));
  return sockets;
}

async function causesFor(admin: ApiClient, person: () => Promise<ApiClient>): Promise<Cause[]> {
  const { text } = await admin.getPolicy();
  const { value: spec } = await admin.getConnection(connection);
  const withoutAccess = text
    .replaceAll('groups: [developers, ', 'groups: [')
    .replaceAll('groups: [developers]', 'groups: [nobody]');
  return [
    {
      cause: 'the account is disabled',
      take: (api) => api.putUser(user, { disabled: true }),
      giveBack: (api) => api.putUser(user, { disabled: false }),
    },
    {
      cause: 'the account leaves its group',
      take: (api) => api.putUser(user, { groups: [] }),
      giveBack: (api) => api.putUser(user, { groups: ['developers'] }),
    },
    {
      cause: 'the grant is revoked',
      async prepare(api) {
        await api.applyPolicy({ text: [withoutAccess, accessByGrant].join('\n---\n') });
        await (await person()).newAccessRequest({ connection, seconds: 3600, reason: 'to be revoked' });
      },
      async take(api) {
        const [grant] = await api.listGrants({ state: 'active' });
        if (grant === undefined) throw new Error('there is no grant');
        await api.revokeGrant(grant.id);
      },
      giveBack: (api) => api.applyPolicy({ text }),
    },
    {
      cause: 'the policy changes',
      take: (api) => api.applyPolicy({ text: withoutAccess }),
      giveBack: (api) => api.applyPolicy({ text }),
    },
    {
      cause: 'the agent is locked',
      take: (api) => api.lockAgent(agent),
      giveBack: (api) => api.unlockAgent(agent),
    },
    {
      cause: 'the connection is deleted',
      take: (api) => api.deleteConnection(connection),
      giveBack: (api) => api.putConnection(spec),
    },
  ];
}

/** A locked agent tries again at growing intervals. */
async function online(admin: ApiClient): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    if ((await admin.listAgents()).some((one) => one.online)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('the agent did not come back within a minute');
}
