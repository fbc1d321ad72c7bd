import { isWeirError, WeirError } from '@weir/errors';
import type { PlanEvaluator } from '@weir/policy';
import type { ChannelOpen, PostgresOpen, SshOpen } from '@weir/proto';
import type { OpenRefusal } from '@weir/tunnel';
import { createPlanStore } from './plan-store.ts';
import type { FactsOf } from './protocol-runtime.ts';

/** What was read. */
export interface Opened {
  readonly open: FactsOf<PostgresOpen> | FactsOf<SshOpen>;
  readonly evaluator: PlanEvaluator;
}
type SharedFacts<Open extends ChannelOpen> = Pick<
  Open,
  'principal' | 'connection' | 'target' | 'recording' | 'maskingKey'
>;

/** Reads OPEN frames and plans; what channels have in common is in memory once. */
export interface OpenReader {
  read(openJson: Buffer): Opened | OpenRefusal;
  /** @throws WeirError when the plan is not understood. */
  readPlan(planJson: Buffer): PlanEvaluator;
}

const maxShared = 64;

/** Creates a reader that has seen nothing. */
export function createOpenReader(): OpenReader {
  const plans = createPlanStore();
  const shared = new Map<string, SharedFacts<ChannelOpen>>();
  const share = <Open extends ChannelOpen>(facts: SharedFacts<Open>): SharedFacts<Open> => {
    const { principal, connection, target, recording, maskingKey } = facts;
    const text = JSON.stringify([principal, connection, target, recording, maskingKey]);
    // The same text is the same target, so of the same protocol.
    const known = (shared.get(text) as SharedFacts<Open> | undefined) ?? {
      principal,
      connection,
      target,
      recording,
      maskingKey,
    };
    shared.delete(text);
    shared.set(text, known);
    const oldest = shared.keys().next();
    if (shared.size > maxShared && !oldest.done) shared.delete(oldest.value);
    return known;
  };
  return {
    read(openJson) {
      try {
        const opened = JSON.parse(openJson.toString('utf8')) as ChannelOpen;
        const evaluator = plans.load(opened.plan);
        if ('postgres' in opened) {
          const { plan: _read, ...open } = opened;
          return { open: { ...open, ...share<PostgresOpen>(open) }, evaluator };
        }
        if ('ssh' in opened) {
          const { plan: _read, ...open } = opened;
          return { open: { ...open, ...share<SshOpen>(open) }, evaluator };
        }
        throw new WeirError('feature_not_supported', 'this agent does not know the protocol of the connection');
      } catch (error) {
        const code = isWeirError(error) ? error.code : 'internal';
        return {
          refuse: {
            code,
            message: `the agent refuses the channel: ${error instanceof Error ? error.message : String(error)}`,
          },
        };
      }
    },
    readPlan: (planJson) => plans.load(JSON.parse(planJson.toString('utf8'))),
  };
}
