/** Structural twins of packages/policy's types: the contract depends on nothing. */
export interface Principal {
  readonly id: string;
  readonly name: string;
  readonly kind: 'person' | 'service' | 'ai-agent';
  readonly groups: readonly string[];
  /** The person for whom a service or an AI agent acts. */
  readonly actingFor?: { readonly id: string; readonly name: string; readonly groups: readonly string[] } | undefined;
}
/** Both names of a principal that acts for a person, e.g. `report-bot for anna`; names hold no spaces. */
export function fullNameOf({ name, actingFor }: Pick<Principal, 'name' | 'actingFor'>): string {
  return actingFor === undefined ? name : `${name} for ${actingFor.name}`;
}
/** Protocols of targets. */
export type Protocol = 'postgres' | 'ssh';
export interface ConnectionFacts {
  readonly name: string;
  readonly protocol: Protocol;
  readonly labels: Readonly<Record<string, string>>;
}
const common = ['plan/1', 'approval/1', 'budget/1', 'record/1', 'acting-for/1'] as const;
/** What an agent must be able to do for a channel of each protocol; the gateway opens none that needs more than the agent said in its hello. `cancel-key/1`: keys of any length; `acting-for/1`: a person behind the principal. */
export const channelCapabilities = {
  postgres: ['postgres/1', ...common, 'cancel-key/1'],
  ssh: ['ssh/1', ...common],
} as const satisfies Record<Protocol, readonly string[]>;
/** All that an agent of this version can do. */
export const capabilities = [...new Set([...channelCapabilities.postgres, ...channelCapabilities.ssh])];
/** What an agent can do beside that, which no channel needs. `trust/1`: it takes new CAs of the gateway while it is connected. */
export const linkCapabilities = ['trust/1'] as const;
export type Capability = (typeof capabilities)[number];
