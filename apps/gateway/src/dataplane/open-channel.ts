import { WeirError } from '@weir/errors';
import { type ChannelOpen, channelCapabilities, type PostgresOpen, secretOf, type Target } from '@weir/proto';
import type { ConnectedAgent } from '@weir/tunnel';
import type { ConnectedAgents } from './connected-agents.ts';
import type { LiveChannels } from './live-channels.ts';
import type { ControlPlane, Journal, LiveSession } from './ports.ts';
import type { Relay, RelayParts } from './relay.ts';

/** What channels of every protocol are opened with. */
export interface ChannelGround {
  readonly agents: ConnectedAgents;
  readonly live: LiveChannels;
  readonly controlPlane: ControlPlane;
  readonly journal: Journal;
  /** 32 bytes; key of hash and fake transforms. */
  readonly maskingKey: Buffer;
  readonly recording: { readonly maxRows: number; readonly maxBytes: number };
}

/** What every OPEN says, whatever its protocol. */
export type ChannelBasis = Omit<PostgresOpen, 'target' | 'postgres'>;

/** A channel that a client wants. */
export interface ChannelWish<T extends Target> {
  readonly session: LiveSession;
  readonly target: T;
  readonly clientAddress: string;
  /** False = another channel of the same connection has brought the target's secret to the agent. */
  readonly needsSecret: boolean;
  createRelay(parts: RelayParts): Relay;
  /** The whole content of the OPEN frame. */
  contentOf(basis: ChannelBasis, target: T): ChannelOpen;
  onClosed?(reason: string): void;
}

/** Numbers the channel, chooses its agent, seals the target's secret for it and opens the lane channel. A refusal cuts the relay with the reason. */
export function openChannel<T extends Target>(ground: ChannelGround, wish: ChannelWish<T>): Relay {
  const { session, target, clientAddress } = wish;
  const { controlPlane, journal, live } = ground;
  const number = live.nextNumber(session.id);
  const relay = wish.createRelay({
    ...{ session, channel: number, journal, controlPlane },
    onClosed(reason) {
      live.remove(session.id, relay);
      controlPlane.channelClosed(session.id, number, reason);
      wish.onClosed?.(reason);
    },
  });
  live.add(session.id, relay);
  controlPlane.channelOpened(session.id, number, clientAddress);
  const refuse = (error: unknown): void => {
    const shown =
      error instanceof WeirError
        ? error
        : new WeirError('internal', 'the channel could not be opened', { cause: error });
    const { code, message } = shown;
    const user = session.principal.name;
    controlPlane.refused({ what: 'channel', user, clientAddress, code, message, sessionId: session.id });
    relay.cut(shown);
  };
  try {
    const agent = agentFor(ground.agents, session, target);
    const basisOf = (current: LiveSession): ChannelBasis => ({
      sessionId: session.id,
      channelId: `${session.id}/${number}`,
      principal: current.principal,
      connection: current.connection,
      plan: current.plan,
      recording: ground.recording,
      maskingKey: ground.maskingKey.toString('base64'),
    });
    const start = (sealed: T, current: LiveSession): void => {
      const content = wish.contentOf(basisOf(current), sealed);
      relay.start(agent.lane.open(Buffer.from(JSON.stringify(content)), relay.handler));
    };
    if (!wish.needsSecret || !isSealed(target)) {
      start(target, session);
      return relay;
    }
    const { name, agentName } = { name: session.connection.name, agentName: session.agentName };
    controlPlane
      .sealTarget({ name, agent: agentName }, target, keyOf(agentName, agent), session.id)
      .then((sealed) => {
        // The client may have gone, the session ended, or its rules changed while the secret was read.
        const current = controlPlane.current(session.id);
        if (current === null) throw new WeirError('session_ended', `the session ${session.id} has ended`);
        if (!relay.isOver) start(sealed, current);
      })
      .catch(refuse);
  } catch (error) {
    refuse(error);
  }
  return relay;
}

/** Name and key of the agent that a target is sealed to. */
export const keyOf = (name: string, agent: ConnectedAgent) => ({
  name,
  sealingKey: agent.hello.sealingKey,
  sshKey: agent.hello.sshKey,
});

/** Does the gateway put something into the target for this agent alone? */
const isSealed = (target: Target): boolean =>
  secretOf(target).from === 'stored' || (target.protocol === 'ssh' && target.auth === 'certificate');

/** @throws WeirError agent_unavailable. */
function agentFor(agents: ConnectedAgents, session: LiveSession, { protocol }: Target): ConnectedAgent {
  const agent = agents.serve(session.agentName, session.id);
  const missing = channelCapabilities[protocol].filter((name) => !agent.hello.capabilities.includes(name));
  if (missing.length > 0)
    throw new WeirError(
      'agent_unavailable',
      `the agent ${session.agentName} is too old: it lacks ${missing.join(', ')}`,
      { fix: 'Update the agent.' },
    );
  // Certificates of old versions name no protocols.
  const { serves } = agent.peer;
  if (serves.length > 0 && !serves.includes(protocol))
    throw new WeirError(
      'agent_unavailable',
      `the certificate of the agent ${session.agentName} is not for ${protocol}`,
    );
  return agent;
}
