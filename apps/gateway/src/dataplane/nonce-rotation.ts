import { WeirError } from '@weir/errors';
import type { ConnectedAgent } from '@weir/tunnel';
import type { ControlPlane } from './ports.ts';

/** How often a connected agent gets a new nonce, ms. A copy is noticed when it connects, or when the copied agent does. */
const rotationIntervalMs = 20_000;
/** How long an agent may take to store one durably, ms. */
const storeTimeoutMs = 3_000;

/** Gives connected agents new nonces. One at a time for each agent: of two unconfirmed ones nobody could say which was stored. */
export interface NonceRotation {
  begin(agent: ConnectedAgent): void;
  /** Gives one now. @throws WeirError agent_unavailable when the agent does not say in time that it has stored it. */
  rotate(agent: ConnectedAgent): Promise<void>;
  end(agent: ConnectedAgent): void;
  stop(): void;
}

/** Makes it. */
export function createNonceRotation(
  controlPlane: Pick<ControlPlane, 'nextAgentNonce' | 'agentNonceStored'>,
  warn: (problem: string) => void,
): NonceRotation {
  const running = new Map<
    ConnectedAgent,
    {
      timer: NodeJS.Timeout | undefined;
      turn: Promise<void>;
      /** Given and not confirmed: it may be stored or not, so it is given again before any other. */
      outstanding: Buffer | undefined;
    }
  >();
  const give = async (agent: ConnectedAgent): Promise<void> => {
    const entry = running.get(agent);
    if (entry === undefined) throw new WeirError('agent_unavailable', 'The agent is not connected.');
    entry.outstanding ??= await controlPlane.nextAgentNonce(agent.agentId);
    const nonce = entry.outstanding;
    await agent.rotateNonce(nonce, storeTimeoutMs);
    await controlPlane.agentNonceStored(agent.agentId, nonce);
    entry.outstanding = undefined;
  };
  const rotate = async (agent: ConnectedAgent): Promise<void> => {
    const entry = running.get(agent);
    if (entry === undefined) throw new WeirError('agent_unavailable', 'The agent is not connected.');
    const turn = entry.turn.then(() => give(agent));
    entry.turn = turn.catch(() => undefined);
    return turn;
  };
  const again = (agent: ConnectedAgent): void => {
    const entry = running.get(agent);
    if (entry === undefined) return;
    entry.timer = setTimeout(() => void attempt(agent), rotationIntervalMs);
    entry.timer.unref();
  };
  const attempt = async (agent: ConnectedAgent): Promise<void> => {
    try {
      await rotate(agent);
    } catch (error) {
      if (running.has(agent)) warn(`an agent did not store its nonce: ${String(error)}`);
    }
    again(agent);
  };
  return {
    begin: (agent) => {
      running.set(agent, { timer: undefined, turn: Promise.resolve(), outstanding: undefined });
      void attempt(agent);
    },
    rotate,
    end: (agent) => {
      clearTimeout(running.get(agent)?.timer);
      running.delete(agent);
    },
    stop: () => {
      for (const { timer } of running.values()) clearTimeout(timer);
      running.clear();
    },
  };
}
