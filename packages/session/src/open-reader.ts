import { isWeirError, WeirError } from '@weir/errors';
import type { PlanEvaluator } from '@weir/policy';
import type { ChannelOpen, PostgresOpen } from '@weir/proto';
import type { OpenRefusal } from '@weir/tunnel';
import { createPlanStore } from './plan-store.ts';

/** What a channel keeps of its OPEN frame: the plan is in the evaluator. */
export type ChannelFacts = Omit<PostgresOpen, 'plan'>;
type SharedFacts = Pick<ChannelFacts, 'principal' | 'connection' | 'target' | 'recording' | 'maskingKey'>;

/** Reads OPEN frames and plans; what channels have in common is in memory once. */
export interface OpenReader {
  read(openJson: Buffer): { readonly open: ChannelFacts; readonly evaluator: PlanEvaluator } | OpenRefusal;
  /** @throws WeirError when the plan is not understood. */
  readPlan(planJson: Buffer): PlanEvaluator;
}

const maxShared = 64;

/** Creates a reader that has seen nothing. */
export function createOpenReader(): OpenReader {
  const plans = createPlanStore();
  const shared = new Map<string, SharedFacts>();
  const share = ({ principal, connection, target, recording, maskingKey }: SharedFacts): SharedFacts => {
    const text = JSON.stringify([principal, connection, target, recording, maskingKey]);
    const known = shared.get(text) ?? { principal, connection, target, recording, maskingKey };
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
        if (!('postgres' in opened))
          throw new WeirError('feature_not_supported', `this agent does not speak ${opened.target.protocol}`);
        const { plan, ...open } = opened;
        return { open: { ...open, ...share(open) }, evaluator: plans.load(plan) };
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
