/** The person, service or AI agent that acts. */
export interface Principal {
  readonly id: string;
  readonly name: string;
  readonly kind: 'person' | 'service' | 'ai-agent';
  readonly groups: readonly string[];
  /** The person for whom a service or an AI agent acts; absent = it acts for itself. */
  readonly actingFor?: ActingFor | undefined;
}

/** A person for whom somebody else acts. */
export interface ActingFor {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly string[];
}

/** The person behind a principal as a principal of its own, for rules that both must meet; undefined = nobody is behind it. */
export function personBehind({ actingFor }: Principal): Principal | undefined {
  if (actingFor === undefined) return undefined;
  const { id, name, groups } = actingFor;
  return { id, name, kind: 'person', groups, actingFor };
}

/** What policy knows of a connection. */
export interface ConnectionFacts {
  readonly name: string;
  readonly protocol: 'postgres' | 'ssh';
  readonly labels: Readonly<Record<string, string>>;
}
