import { isWeirError } from '@weir/errors';
import type { Target } from '@weir/proto';
import type { LaneChannel, LaneChannelHandler, OpenRefusal, TestOutcome } from '@weir/tunnel';
import { createOpenReader, type Opened } from './open-reader.ts';
import { createPostgresRuntime } from './postgres/postgres-runtime.ts';
import type { ProtocolRuntime, SessionChannel, TestStep } from './protocol-runtime.ts';
import type { SessionServices } from './session-services.ts';
import { createSshRuntime } from './ssh/ssh-runtime.ts';

/** The runtime of an agent (or of a gateway with an embedded one). */
export interface SessionRuntime {
  /** An OPEN frame: begins the dial and returns the channel's handler at once. */
  open(openJson: Buffer, lane: LaneChannel): LaneChannelHandler | OpenRefusal;
  replacePlan(sessionId: string, plan: Buffer): void;
  kill(sessionId: string, reason: string): void;
  test(target: Buffer): Promise<TestOutcome>;
  readonly channelCount: number;
  close(): void;
}

/** Creates a runtime without channels: what protocols share is here and in the files beside this one, each protocol has a folder. */
export function createSessionRuntime(services: SessionServices): SessionRuntime {
  const sessions = new Map<string, Set<SessionChannel>>();
  const postgres = createPostgresRuntime(services);
  const ssh = createSshRuntime(services);
  const all: readonly ProtocolRuntime<never>[] = [postgres, ssh];
  const opens = createOpenReader();
  const forget = (sessionId: string, channel: SessionChannel) => {
    const group = sessions.get(sessionId);
    if (group === undefined || !group.delete(channel) || group.size > 0) return;
    sessions.delete(sessionId);
    for (const protocol of all) protocol.sessionEnded(sessionId);
  };
  const openAs = ({ open, evaluator }: Opened, lane: LaneChannel, onClosed: () => void): SessionChannel => {
    return 'postgres' in open
      ? postgres.open(open, evaluator, lane, onClosed)
      : ssh.open(open, evaluator, lane, onClosed);
  };
  const testTarget = (target: Target, onStep: (step: TestStep) => void): Promise<void> => {
    return target.protocol === 'postgres' ? postgres.test(target, onStep) : ssh.test(target, onStep);
  };

  return {
    open(openJson, lane) {
      const opened = opens.read(openJson);
      if ('refuse' in opened) return opened;
      const { sessionId } = opened.open;
      const state: { channel?: SessionChannel; isOver: boolean } = { isOver: false };
      const onClosed = () => {
        state.isOver = true;
        if (state.channel !== undefined) forget(sessionId, state.channel);
      };
      let channel: SessionChannel;
      try {
        channel = openAs(opened, lane, onClosed);
      } catch (error) {
        if (!isWeirError(error)) throw error;
        return { refuse: { code: error.code, message: error.message } };
      }
      state.channel = channel;
      if (!state.isOver) sessions.set(sessionId, (sessions.get(sessionId) ?? new Set()).add(channel));
      return channel;
    },
    replacePlan(sessionId, plan) {
      const evaluator = opens.readPlan(plan);
      for (const channel of sessions.get(sessionId) ?? []) channel.replacePlan(evaluator);
    },
    kill(sessionId, reason) {
      // Newest first: what others stand on, such as an SSH connection, ends when they have been told.
      for (const channel of [...(sessions.get(sessionId) ?? [])].reverse()) channel.kill(reason);
    },
    async test(targetJson) {
      const steps: TestStep[] = [];
      try {
        await testTarget(JSON.parse(targetJson.toString('utf8')) as Target, (step) => void steps.push(step));
        return { ok: true, steps };
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (steps.every((step) => step.ok))
          steps.push({ name: steps.length === 0 ? 'credential' : 'target', ok: false, detail: message });
        return { ok: false, steps };
      }
    },
    get channelCount() {
      let count = 0;
      for (const group of sessions.values()) count += group.size;
      return count;
    },
    close() {
      for (const id of [...sessions.keys()]) this.kill(id, 'the agent stops');
      for (const protocol of all) protocol.close();
    },
  };
}
