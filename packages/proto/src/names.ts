/** Structural twins of packages/policy's types: the contract depends on nothing. */
export interface Principal {
  readonly id: string;
  readonly name: string;
  readonly kind: 'person' | 'service' | 'ai-agent';
  readonly groups: readonly string[];
}
export interface ConnectionFacts {
  readonly name: string;
  readonly protocol: 'postgres';
  readonly labels: Readonly<Record<string, string>>;
}
/** What an agent can do; the gateway opens no channel that needs more than the agent said in its hello. `cancel-key/1`: keys of any length. */
export const capabilities = ['postgres/1', 'plan/1', 'approval/1', 'budget/1', 'record/1', 'cancel-key/1'] as const;
export type Capability = (typeof capabilities)[number];
