import { createServer, type Server } from 'node:net';
import { createSecureContext } from 'node:tls';
import { WeirError } from '@weir/errors';
import {
  type AgentHello,
  type AgentPeer,
  type ConnectedAgent,
  createFrontServer,
  createTunnelServer,
  type FrontServer,
  type TunnelServer,
} from '@weir/tunnel';
import { createConnectedAgents } from './connected-agents.ts';
import { createLiveChannels } from './live-channels.ts';
import { createNonceRotation } from './nonce-rotation.ts';
import { type ChannelGround, keyOf } from './open-channel.ts';
import type { ControlPlane, DataPlane, Journal, SshAuthenticator } from './ports.ts';
import { createCancelKeys } from './postgres/cancel-keys.ts';
import { openPostgresChannel } from './postgres/open-postgres.ts';
import { createPostgresDoor } from './postgres/postgres-door.ts';
import { createSshDoor, type SshDoor } from './ssh/ssh-door.ts';

/** Where the data plane listens (port 0 = any) and what it shows. */
export interface DataPlaneOptions {
  readonly listen: {
    readonly front: Address;
    readonly tunnel: Address;
    readonly postgres: Address;
    readonly ssh: Address;
  };
  /** PEM; asked again for each use so that a renewed certificate counts at once. `certificate` = leaf, then CA. */
  tls(): { readonly certificate: string; readonly key: string; readonly ca: string };
  /** Told of each new certificate and each change of the CAs. */
  onTlsChanged(listener: () => void): void;
  readonly gatewayVersion: string;
  readonly controlPlane: ControlPlane;
  readonly journal: Journal;
  /** Who may come in by SSH; absent = nobody, and nothing listens. */
  readonly sshAuthenticator?: SshAuthenticator | undefined;
  /** 32 bytes; key of hash and fake transforms. */
  readonly maskingKey: Buffer;
  readonly recording: { readonly maxRows: number; readonly maxBytes: number };
  log(level: 'info' | 'warn' | 'error', message: string): void;
}
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The running data plane. */
export interface StartedDataPlane extends DataPlane {
  readonly addresses: {
    readonly front: Address;
    readonly tunnel: Address;
    readonly postgres: Address;
    readonly ssh?: Address;
  };
  close(): Promise<void>;
}

const confirmTimeoutMs = 2_000;

/** Starts listeners, tunnel and relay. @throws WeirError conflict when a port is taken. */
export async function startDataPlane(options: DataPlaneOptions): Promise<StartedDataPlane> {
  const { controlPlane, journal } = options;
  const agents = createConnectedAgents();
  const cancelKeys = createCancelKeys();
  const live = createLiveChannels();
  journal.onBroken((error) => {
    options.log('error', `the journal is broken, all sessions end: ${error.message}`);
    live.cutAll(
      new WeirError('recording_unavailable', 'the session ends because its evidence cannot be stored', {
        cause: error,
      }),
    );
  });

  const { maskingKey, recording } = options;
  const ground: ChannelGround = { agents, live, controlPlane, journal, maskingKey, recording };
  const door = createPostgresDoor({
    controlPlane,
    cancelKeys,
    secureContext: () => {
      const { certificate, key } = options.tls();
      return createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' });
    },
    admit: (client) => openPostgresChannel(ground, cancelKeys, client),
    requireTls: true,
  });

  const { sshAuthenticator: authenticator, log } = options;
  const nextConnection = (sessionId: string) => live.nextConnection(sessionId);
  const sshDoor: SshDoor | undefined = authenticator && createSshDoor({ ground, authenticator, nextConnection, log });

  const nonces = createNonceRotation(controlPlane, (problem) => options.log('warn', problem));
  const tellTrust = (agent: ConnectedAgent, when: 'always' | 'while it changes'): void => {
    if (!agent.hello.capabilities.includes('trust/1')) return;
    controlPlane
      .agentTrust(agent.agentId)
      .then(async ({ ca, isRotating, isRenewalDue }) => {
        if (isRotating || when === 'always') await agent.sendTrust(ca, isRenewalDue);
      })
      .catch((error: Error) => options.log('warn', `an agent did not take the new CAs: ${error.message}`));
  };
  const { certificate, key, ca } = options.tls();
  const tunnel: TunnelServer = await createTunnelServer({
    listen: options.listen.tunnel,
    tls: { certificate, key, ca },
    gatewayVersion: options.gatewayVersion,
    async authorise(peer) {
      try {
        agents.admitted(peer.agentId, await controlPlane.authoriseAgent(peer.agentId, peer.certificateSerial, peer));
        return { accept: true };
      } catch (error) {
        if (error instanceof WeirError && error.code === 'not_permitted')
          return { accept: false, reason: error.message };
        throw error;
      }
    },
    async identify(peer, hello) {
      try {
        const { nonce = new Uint8Array(), pool } = hello;
        await controlPlane.identifyAgent(peer.agentId, nonce, holderOf(peer, hello), pool);
        return { accept: true };
      } catch (error) {
        if (error instanceof WeirError && error.code === 'not_permitted')
          return { accept: false, reason: error.why ?? error.message };
        throw error;
      }
    },
    isAlive: async (other) => {
      try {
        await nonces.rotate(other);
        return true;
      } catch (error) {
        options.log('info', `the earlier connection of an agent does not answer: ${String(error)}`);
        return false;
      }
    },
    onTwins: (first, second) =>
      controlPlane.agentTwins(first.agentId, holderOf(first.peer, first.hello), holderOf(second.peer, second.hello)),
    renew: (peer, request) => controlPlane.renewAgent(peer.agentId, peer.certificateSerial, request, peer),
    onJoined(agent) {
      const identity = agents.joined(agent);
      if (identity === undefined) return;
      nonces.begin(agent);
      tellTrust(agent, 'while it changes');
      options.log('info', `agent ${identity.name} ${agent.hello.version} is connected`);
    },
    onLeft(agent, reason) {
      nonces.end(agent);
      const identity = agents.left(agent);
      if (identity !== undefined) options.log('warn', `agent ${identity.name} is gone: ${reason}`);
    },
    onRefusedPeer: (peer) => controlPlane.agentTurnedAway(peer),
    onProblem: (problem) => options.log('warn', problem.message),
  });
  const front: FrontServer = await createFrontServer({
    listen: options.listen.front,
    tls: { certificate, key },
    enrol: (request, remoteAddress) => controlPlane.enrol(request, remoteAddress),
    recover: (request, remoteAddress) => controlPlane.recoverAgent(request, remoteAddress),
    async connect({ credentials, sessionId, stream, remoteAddress }) {
      const session = await controlPlane.findByToken({ ...credentials, address: remoteAddress }, sessionId);
      if (session.target.protocol === 'postgres') return door.connected(session, stream, remoteAddress);
      if (sshDoor === undefined) throw new WeirError('feature_not_supported', 'This gateway serves no SSH.');
      sshDoor.connected(session, stream, remoteAddress);
    },
    onProblem: (problem) => options.log('warn', problem.message),
  });
  options.onTlsChanged(() => {
    const { certificate, key, ca } = options.tls();
    tunnel.setTls({ certificate, key, ca });
    front.setTls({ certificate, key });
  });
  const postgres = createServer({ noDelay: true }, (socket) => door.native(socket));
  await listen(postgres, options.listen.postgres);
  const ssh = sshDoor === undefined ? undefined : createServer((socket) => sshDoor.native(socket));
  if (ssh !== undefined) await listen(ssh, options.listen.ssh);

  return {
    addresses: {
      ...{ front: front.address, tunnel: tunnel.address, postgres: addressOf(postgres) },
      ...(ssh === undefined ? {} : { ssh: addressOf(ssh) }),
    },
    async killSession(sessionId, reason) {
      live.cut(sessionId, new WeirError('session_ended', reason));
      const agent = agents.servedBy(sessionId);
      agents.forget(sessionId);
      live.forget(sessionId);
      // The relay is cut already: an agent that does not confirm cannot keep the session alive.
      await agent
        ?.kill(sessionId, reason, confirmTimeoutMs)
        .catch((error: Error) => options.log('warn', error.message));
    },
    async updatePlan(sessionId, plan) {
      if (!live.has(sessionId)) return;
      try {
        await agents
          .servedBy(sessionId)
          ?.sendPlanUpdate(sessionId, Buffer.from(JSON.stringify(plan)), confirmTimeoutMs);
      } catch (cause) {
        const error = new WeirError(
          'session_ended',
          'the session ends because its agent did not confirm the new policy',
          { cause },
        );
        live.cut(sessionId, error);
        throw error;
      }
    },
    pauseSession: (sessionId, notice) => live.pause(sessionId, notice),
    resumeSession: (sessionId, notice) => live.resume(sessionId, notice),
    agentOnline: (pool) => agents.inPool(pool).length > 0,
    poolCapabilities(pool) {
      const [first, ...others] = agents.inPool(pool).map(({ hello }) => hello.capabilities);
      return first === undefined ? null : first.filter((can) => others.every((other) => other.includes(can)));
    },
    servesSession: (name, sessionId) => {
      const agent = agents.servedBy(sessionId);
      return agent !== undefined && agents.nameOf(agent) === name;
    },
    agentInfo(name) {
      const agent = agents.named(name);
      if (agent === undefined) return null;
      return {
        version: agent.hello.version,
        capabilities: agent.hello.capabilities,
        channels: agent.lane.channelCount,
        lastSeenAtMs: Date.now(),
      };
    },
    async testConnection(connection, target) {
      const agent = agents.any(connection.agent);
      const sealed = await controlPlane
        .sealTarget(connection, target, keyOf(connection.agent, agent), 'test')
        .catch((error: unknown) => {
          // The key of a host can be looked at before there is anything to sign in with: then the sign-in fails.
          if (target.protocol === 'ssh' && error instanceof WeirError && error.code === 'target_unavailable')
            return target;
          throw error;
        });
      const { ok, steps } = await agent.testConnection(Buffer.from(JSON.stringify(sealed)));
      return { ok, steps: [...steps] };
    },
    trustChanged() {
      for (const agent of agents.all()) tellTrust(agent, 'always');
    },
    disconnectAgent(name, reason, how) {
      const agent = agents.named(name);
      if (agent === undefined) return;
      if (how === 'for-good') tunnel.revoke(agent.agentId, reason);
      else tunnel.disconnect(agent.agentId, reason);
    },
    async close() {
      nonces.stop();
      live.cutAll(new WeirError('session_ended', 'the gateway stops'));
      sshDoor?.close('weir: the gateway stops');
      postgres.close();
      ssh?.close();
      await Promise.all([tunnel.close(), front.close()]);
    },
  };
}

const holderOf = (peer: AgentPeer, hello: AgentHello) => ({
  remoteAddress: peer.remoteAddress,
  instanceId: hello.instanceId,
});
function listen(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(
        new WeirError(taken ? 'conflict' : 'internal', `cannot listen on ${host}:${port}: ${cause.message}`, {
          cause,
          fix: 'Choose another port in the configuration file.',
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}

function addressOf(server: Server): Address {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new WeirError('internal', 'the listener has no address');
  return { host: address.address, port: address.port };
}
