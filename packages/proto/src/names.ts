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
export interface ConnectionFacts {
  readonly name: string;
  readonly protocol: 'postgres';
  readonly labels: Readonly<Record<string, string>>;
}
/** What an agent can do; the gateway opens no channel that needs more than the agent said in its hello. `cancel-key/1`: keys of any length; `acting-for/1`: a person behind the principal. */
export const capabilities = [
  'postgres/1',
  'plan/1',
  'approval/1',
  'budget/1',
  'record/1',
  'cancel-key/1',
  'acting-for/1',
] as const;
/** What an agent can do beside that, which no channel needs. `trust/1`: it takes new CAs of the gateway while it is connected. */
export const linkCapabilities = ['trust/1'] as const;
export type Capability = (typeof capabilities)[number];
