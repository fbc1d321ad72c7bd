/** The person, service or AI agent that acts. */
export interface Principal {
  readonly id: string;
  readonly name: string;
  readonly kind: 'person' | 'service' | 'ai-agent';
  readonly groups: readonly string[];
}

/** What policy knows of a connection. */
export interface ConnectionFacts {
  readonly name: string;
  readonly protocol: 'postgres';
  readonly labels: Readonly<Record<string, string>>;
}
