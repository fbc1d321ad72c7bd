import { createServer, type Server } from 'node:net';
import { createSecureContext } from 'node:tls';
import { WeirError } from '@weir/errors';
import { channelCapabilities, type PostgresOpen, type PostgresTarget, secretOf } from '@weir/proto';
import {
  type AgentHello,
  type AgentPeer,
  type ConnectedAgent,
  createFrontServer,
  createTunnelServer,
  type FrontServer,
  type TunnelServer,
} from '@weir/tunnel';
import { createCancelKeys } from './cancel-keys.ts';
import { type ConnectedAgents, createConnectedAgents } from './connected-agents.ts';
import { type AdmittedClient, createFrontDoor } from './front-door.ts';
import { createLiveChannels } from './live-channels.ts';
import { createNonceRotation } from './nonce-rotation.ts';
import type { ControlPlane, DataPlane, Journal, LiveSession } from './ports.ts';
import { createRelay } from './relay.ts';

/** Where the data plane listens (port 0 = any) and what it shows. */
export interface DataPlaneOptions {
  readonly listen: { readonly front: Address; readonly tunnel: Address; readonly postgres: Address };
  /** PEM; asked again for each use so that a renewed certificate counts at once. `certificate` = leaf, then CA. */
  tls(): { readonly certificate: string; readonly key: string; readonly ca: string };
  /** Told of each new certificate and each change of the CAs. */
  onTlsChanged(listener: () => void): void;
  readonly gatewayVersion: string;
  readonly controlPlane: ControlPlane;
  readonly journal: Journal;
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
  readonly addresses: { readonly front: Address; readonly tunnel: Address; readonly postgres: Address };
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

  const admit = (client: AdmittedClient) => openChannel(client, options, { agents, cancelKeys, live });
  const door = createFrontDoor({
    controlPlane,
    cancelKeys,
    secureContext: () => {
      const { certificate, key } = options.tls();
      return createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' });
    },
    admit,
    requireTls: true,
  });

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
      door.connected(session, stream, remoteAddress);
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

  return {
    addresses: { front: front.address, tunnel: tunnel.address, postgres: addressOf(postgres) },
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
      const sealed = await controlPlane.sealTarget(connection, target, keyOf(connection.agent, agent), 'test');
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
      postgres.close();
      await Promise.all([tunnel.close(), front.close()]);
    },
  };
}

const holderOf = (peer: AgentPeer, hello: AgentHello) => ({
  remoteAddress: peer.remoteAddress,
  instanceId: hello.instanceId,
});
const keyOf = (name: string, agent: ConnectedAgent) => ({ name, sealingKey: agent.hello.sealingKey });

function openChannel(
  client: AdmittedClient,
  options: DataPlaneOptions,
  shared: {
    agents: ConnectedAgents;
    cancelKeys: ReturnType<typeof createCancelKeys>;
    live: ReturnType<typeof createLiveChannels>;
  },
): void {
  const { session, stream, clientAddress } = client;
  const { controlPlane, journal } = options;
  const number = shared.live.nextNumber(session.id);
  const key = shared.cancelKeys.issue(client.minor, () => relay.cancel());
  const relay = createRelay({
    session,
    channel: number,
    client: stream,
    journal,
    controlPlane,
    early: client.early,
    onClosed(reason) {
      shared.cancelKeys.withdraw(key);
      shared.live.remove(session.id, relay);
      controlPlane.channelClosed(session.id, number, reason);
    },
  });
  shared.live.add(session.id, relay);
  controlPlane.channelOpened(session.id, number, clientAddress);
  const refuse = (error: unknown): void => {
    const shown =
      error instanceof WeirError
        ? error
        : new WeirError('internal', 'the channel could not be opened', { cause: error });
    controlPlane.refused({
      what: 'channel',
      user: session.principal.name,
      clientAddress,
      code: shown.code,
      message: shown.message,
      sessionId: session.id,
    });
    relay.cut(shown);
  };
  try {
    const agent = shared.agents.serve(session.agentName, session.id);
    const missing = channelCapabilities.postgres.filter((name) => !agent.hello.capabilities.includes(name));
    if (missing.length > 0)
      throw new WeirError(
        'agent_unavailable',
        `the agent ${session.agentName} is too old: it lacks ${missing.join(', ')}`,
        { fix: 'Update the agent.' },
      );
    const { target } = session;
    if (target.protocol !== 'postgres') throw new WeirError('feature_not_supported', `this listener is for PostgreSQL`);
    // Certificates of old versions name no protocols.
    const { serves } = agent.peer;
    if (serves.length > 0 && !serves.includes(target.protocol))
      throw new WeirError(
        'agent_unavailable',
        `the certificate of the agent ${session.agentName} is not for ${target.protocol}`,
      );
    const openWith = (sealed: PostgresTarget, current: LiveSession): PostgresOpen => ({
      sessionId: session.id,
      channelId: `${session.id}/${number}`,
      principal: current.principal,
      connection: current.connection,
      target: sealed,
      plan: current.plan,
      postgres: {
        parameters: client.parameters,
        processId: key.processId,
        secretKey: key.secretKey.toString('base64'),
      },
      recording: options.recording,
      maskingKey: options.maskingKey.toString('base64'),
    });
    const start = (sealed: PostgresTarget, current: LiveSession): void => {
      relay.start(agent.lane.open(Buffer.from(JSON.stringify(openWith(sealed, current))), relay.handler));
    };
    if (secretOf(target).from !== 'stored') {
      start(target, session);
      return;
    }
    controlPlane
      .sealTarget(
        { name: session.connection.name, agent: session.agentName },
        target,
        keyOf(session.agentName, agent),
        session.id,
      )
      .then((sealed) => {
        // The client may have gone, the session ended, or its rules changed while the password was read.
        const current = controlPlane.current(session.id);
        if (current === null) throw new WeirError('session_ended', `the session ${session.id} has ended`);
        if (!relay.isOver) start(sealed, current);
      })
      .catch(refuse);
  } catch (error) {
    refuse(error);
  }
}

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
