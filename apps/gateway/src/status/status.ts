import type { GatewayStatus } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Agents } from '../agents/agents.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { AccessRequests } from '../grants/access-requests.ts';
import type { Grants } from '../grants/grants.ts';
import type { Policies } from '../policies/policies.ts';
import type { Sessions } from '../sessions/sessions.ts';

/** Is the journal able to write, and how many entries has it made durable? */
export interface JournalHealth {
  isHealthy(): boolean;
  entries(): number;
}

/** The gateway's state at a glance. */
export interface Status {
  get(): Promise<GatewayStatus>;
  /** @throws WeirError when the store does not answer or evidence cannot be written. */
  checkHealth(): Promise<void>;
}

/** Makes the use-cases. */
export function createStatus(parts: {
  readonly version: string;
  readonly agents: Pick<Agents, 'list'>;
  readonly sessions: Pick<Sessions, 'liveCount'>;
  readonly approvals: Pick<Approvals, 'countPending'>;
  readonly accessRequests: Pick<AccessRequests, 'countPending'>;
  readonly grants: Pick<Grants, 'countReviews'>;
  readonly policies: Pick<Policies, 'current'>;
  readonly journal: JournalHealth;
  readonly checkHealth: () => Promise<void>;
  readonly now: () => number;
}): Status {
  const startedAt = new Date(parts.now()).toISOString();
  return {
    get: async () => ({
      version: parts.version,
      startedAt,
      agents: await parts.agents.list(),
      sessions: parts.sessions.liveCount(),
      pendingRequests: (await parts.approvals.countPending()) + (await parts.accessRequests.countPending()),
      reviews: await parts.grants.countReviews(),
      policyVersion: parts.policies.current.version,
      journal: { healthy: parts.journal.isHealthy(), entries: parts.journal.entries() },
    }),
    checkHealth: async () => {
      await parts.checkHealth();
      if (!parts.journal.isHealthy())
        throw new WeirError('recording_unavailable', 'Evidence cannot be stored any more.');
    },
  };
}
