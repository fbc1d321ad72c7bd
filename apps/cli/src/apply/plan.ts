import { type ApiClient, type ConnectionSpec, type Difference, differencesOf, type OnlyIf } from '@weir/api';
import { isWeirError } from '@weir/errors';
import { type PolicyDocument, parsePolicies } from '@weir/policy';
import { formatDifference } from './differences.ts';
import type { Wanted } from './read-wanted.ts';

/** What happens to one document. */
export interface Step {
  readonly action: 'create' | 'change' | 'delete' | 'unchanged';
  readonly kind: PolicyDocument['kind'] | 'Connection' | 'Policy';
  readonly name: string;
  /** Of a change: fields that differ. */
  readonly fields: readonly Difference[];
}

/** A plan, and what it was made of: only that is changed. */
export interface Plan {
  readonly steps: readonly Step[];
  /** The policy that was compared with. */
  readonly policy: OnlyIf | undefined;
  /** Connections that were compared with, by name. */
  readonly connections: ReadonlyMap<string, OnlyIf>;
}

/** Compares what files want with what the gateway has. Asks only for what the files are about. */
export async function makePlan(api: ApiClient, wanted: Wanted, prune: boolean): Promise<Plan> {
  const steps: Step[] = [];
  const connections = new Map<string, OnlyIf>();
  if (wanted.connections.length > 0)
    steps.push(...(await planConnections(api, wanted.connections, prune, connections)));
  if (wanted.policy === null) return { steps, policy: undefined, connections };
  const inForce = await orAbsent(api.getPolicy());
  const documents = inForce === undefined ? [] : parsePolicies(inForce.text, 'the policy in force');
  steps.push(...planPolicy(documents, wanted.policy.documents));
  return { steps, policy: onlyIf(inForce), connections };
}

/** Does the plan change anything? */
export function isChange({ action }: Step): boolean {
  return action !== 'unchanged';
}

/** Is the step about policy, which is applied as a whole? */
export function isPolicy({ kind }: Step): boolean {
  return kind !== 'Connection';
}

/** A step for people; fields of a change stand below it. */
export function formatStep({ action, kind, name, fields }: Step): string {
  return [`${action} ${kind} ${name}`, ...fields.map((field) => `    ${formatDifference(field)}`)].join('\n');
}

async function planConnections(
  api: ApiClient,
  wanted: readonly ConnectionSpec[],
  prune: boolean,
  seen: Map<string, OnlyIf>,
): Promise<Step[]> {
  const steps: Step[] = [];
  for (const spec of wanted) {
    const stored = await orAbsent(api.getConnection(spec.name));
    seen.set(spec.name, onlyIf(stored));
    steps.push(stepOf('Connection', spec.name, stored?.value, spec));
  }
  const others = prune ? (await api.listConnections()).filter(({ name }) => !seen.has(name)) : [];
  for (const { name } of others) {
    seen.set(name, onlyIf(await orAbsent(api.getConnection(name))));
    steps.push({ action: 'delete', kind: 'Connection', name, fields: [] });
  }
  return steps;
}

/** Undefined when the gateway says that there is none. */
function orAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (isWeirError(error) && error.code === 'not_found') return undefined;
    throw error;
  });
}

function onlyIf(seen: { readonly version: string } | undefined): OnlyIf {
  return seen === undefined ? { absent: true } : { version: seen.version };
}

function planPolicy(inForce: readonly PolicyDocument[], wanted: readonly PolicyDocument[]): Step[] {
  const before = new Map(inForce.map((document) => [document.name, document]));
  const steps = wanted.map((document) => {
    const old = before.get(document.name);
    return stepOf(document.kind, document.name, old && partsOf(old), partsOf(document));
  });
  const names = wanted.map(({ name }) => name);
  for (const { kind, name } of inForce) {
    if (!names.includes(name)) steps.push({ action: 'delete', kind, name, fields: [] });
  }
  if (steps.some(isChange)) return steps;
  const order = differencesOf({ order: inForce.map(({ name }) => name) }, { order: names });
  return order.length === 0
    ? steps
    : [...steps, { action: 'change', kind: 'Policy', name: 'as a whole', fields: order }];
}

function partsOf({ kind, description, spec }: PolicyDocument): unknown {
  return { kind, description, spec };
}

function stepOf(kind: Step['kind'], name: string, before: unknown, after: unknown): Step {
  if (before === undefined) return { action: 'create', kind, name, fields: [] };
  const fields = differencesOf(before, after);
  return { action: fields.length === 0 ? 'unchanged' : 'change', kind, name, fields };
}
