import type { ApiClient, ConnectionSpec } from '@weir/api';
import { isWeirError } from '@weir/errors';
import { type PolicyDocument, parsePolicies } from '@weir/policy';
import { type Difference, differencesOf, formatDifference } from './differences.ts';
import type { Wanted } from './read-wanted.ts';

/** What happens to one document. */
export interface Step {
  readonly action: 'create' | 'change' | 'delete' | 'unchanged';
  readonly kind: PolicyDocument['kind'] | 'Connection' | 'Policy';
  readonly name: string;
  /** Of a change: fields that differ. */
  readonly fields: readonly Difference[];
}

/** Compares what files want with what the gateway has. Asks only for what the files are about. */
export async function makePlan(api: ApiClient, wanted: Wanted, prune: boolean): Promise<Step[]> {
  const steps: Step[] = [];
  if (wanted.connections.length > 0) steps.push(...(await planConnections(api, wanted.connections, prune)));
  if (wanted.policy !== null) {
    const { text } = await api.getPolicy();
    steps.push(...planPolicy(parsePolicies(text, 'the policy in force'), wanted.policy.documents));
  }
  return steps;
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

async function planConnections(api: ApiClient, wanted: readonly ConnectionSpec[], prune: boolean): Promise<Step[]> {
  const listed = new Set((await api.listConnections()).map(({ name }) => name));
  const steps: Step[] = [];
  for (const spec of wanted) {
    const stored = await api.getConnection(spec.name).catch((error: unknown) => {
      if (isWeirError(error) && error.code === 'not_found' && !listed.has(spec.name)) return undefined;
      throw error;
    });
    steps.push(stepOf('Connection', spec.name, stored, spec));
  }
  const named = new Set(wanted.map(({ name }) => name));
  const others = prune ? [...listed].filter((name) => !named.has(name)) : [];
  return [...steps, ...others.map((name): Step => ({ action: 'delete', kind: 'Connection', name, fields: [] }))];
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
