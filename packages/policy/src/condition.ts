import { type ASTNode, Environment, EvaluationError, ParseError } from '@marcbachmann/cel-js';
import { isInNetwork, tryNetwork } from './network.ts';
import type { Principal } from './principal.ts';

/**
 * What a condition may read. `rule`: everything about a statement and its session; `scope`: only what is known when a channel opens (principal and
 * connection); `request`: what is known when somebody asks for a grant.
 */
export type ConditionScope = 'rule' | 'scope' | 'request';

/** Values for the variables of a condition; see docs/policy.md for their meaning. */
export interface ConditionContext {
  readonly principal: { id: string; name: string; kind: string; groups: readonly string[] };
  /** The person behind the principal; empty names when there is none. */
  readonly actingFor: { id: string; name: string; groups: readonly string[] };
  readonly connection: { name: string; protocol: string; labels: Readonly<Record<string, string>> };
  readonly statement?: ConditionStatement;
  /** Absent for SQL. */
  readonly ssh?: ConditionSsh;
  readonly session?: { readonly interactive: boolean };
  readonly now?: Date;
  /** Absent when it is not known. */
  readonly client?: { readonly address: string };
  /** Absent when no second factor was used. */
  readonly mfa?: { readonly ageSeconds: bigint };
  /** Of the grant; absent without one. */
  readonly ticket?: string;
  /** What is asked for, while a request for a grant is looked at. */
  readonly request?: { readonly seconds: bigint; readonly reason: string };
}

/** The variables `principal` and `actingFor`. */
export function principalContext(
  principal: Pick<Principal, 'id' | 'name' | 'kind' | 'groups' | 'actingFor'>,
): Pick<ConditionContext, 'principal' | 'actingFor'> {
  const { id, name, kind, groups, actingFor } = principal;
  return { principal: { id, name, kind, groups }, actingFor: actingFor ?? { id: '', name: '', groups: [] } };
}

/** What SSH carries, as conditions see it. What an opaque command does is left out, so that a condition on it cannot be decided. */
export interface ConditionSsh {
  readonly kind: string;
  readonly login: string;
  /** The channel has a terminal. */
  readonly terminal: boolean;
  /** `host:port` or the path of a socket; empty = it leads nowhere. */
  readonly destination: string;
  readonly host: string;
  /** 0 = none. */
  readonly port: bigint;
  readonly variables: readonly string[];
  readonly opaque: boolean;
  /** Names of all programs, wrappers included. */
  readonly programs?: readonly string[];
  readonly paths?: readonly string[];
  readonly directions?: readonly string[];
  readonly destructive?: boolean;
}

/** The statement as conditions see it: names only, never its text, so that no condition can decide by a pattern on SQL. */
export interface ConditionStatement {
  readonly kind: string;
  readonly command: string;
  readonly kinds: readonly string[];
  /** `schema.table` of every relation. This and what follows is left out where access to SSH is asked for. */
  readonly tables?: readonly string[];
  /** `schema.table` of every relation with an effect other than read and lock. */
  readonly writes?: readonly string[];
  /** `schema.function`. */
  readonly functions?: readonly string[];
  /** `schema.table.column` of every origin of an output. */
  readonly outputs?: readonly string[];
  readonly influence?: readonly string[];
  readonly settings?: readonly string[];
  readonly database?: string;
  readonly role?: string;
}

/** What a condition came to; `error` holds why it could not be decided. */
export type ConditionResult = { readonly value: boolean } | { readonly error: string };

/** A compiled condition. `reads` names the variables that it uses. */
export interface Condition {
  readonly reads: ReadonlySet<string>;
  evaluate(context: ConditionContext): ConditionResult;
}

/** Why a condition cannot be used, and where in its text (from 0). */
export interface ConditionProblem {
  readonly message: string;
  readonly offset: number;
}

const limits = { maxAstNodes: 500, maxDepth: 24, maxListElements: 100, maxMapEntries: 50, maxCallArguments: 8 };
const environments: Readonly<Record<ConditionScope, Environment>> = {
  rule: ruleEnvironment(),
  scope: baseEnvironment(),
  request: circumstances(baseEnvironment()).registerVariable({
    name: 'request',
    schema: { seconds: 'int', reason: 'string' },
  }),
};

/** Compiles a CEL condition, or says what is wrong with it: syntax, types, unknown fields, a result that is not bool, a regular expression. */
export function tryCondition(expression: string, scope: ConditionScope): Condition | ConditionProblem {
  const environment = environments[scope];
  try {
    const program = environment.parse(expression);
    const checked = program.check();
    if (!checked.valid) return problemOf(checked.error);
    if (checked.type !== 'bool') {
      return { message: `The condition gives ${checked.type ?? 'no type'}, not bool.`, offset: 0 };
    }
    const words = wordsOf(program.ast);
    if (words.calls.has('matches')) {
      return { message: 'matches() is not available; use startsWith, endsWith, contains or ==.', offset: 0 };
    }
    const network = wrongNetwork(program.ast);
    if (network !== undefined) return { message: network, offset: 0 };
    const reads = new Set([...words.names].filter((name) => environment.hasVariable(name)));
    return { reads, evaluate: (context) => run(program, context) };
  } catch (error) {
    return problemOf(error);
  }
}

/** Is this the problem of a condition that did not compile? */
export function isConditionProblem(value: Condition | ConditionProblem): value is ConditionProblem {
  return 'message' in value;
}

function run(program: (context: ConditionContext) => unknown, context: ConditionContext): ConditionResult {
  try {
    const value = program(context);
    return typeof value === 'boolean' ? { value } : { error: 'the condition gave no bool' };
  } catch (error) {
    return { error: error instanceof EvaluationError ? error.summary : String(error) };
  }
}

function baseEnvironment(): Environment {
  return new Environment({ limits })
    .registerVariable({
      name: 'principal',
      schema: { id: 'string', name: 'string', kind: 'string', groups: 'list<string>' },
    })
    .registerVariable({ name: 'actingFor', schema: { id: 'string', name: 'string', groups: 'list<string>' } })
    .registerVariable({
      name: 'connection',
      schema: { name: 'string', protocol: 'string', labels: 'map<string, string>' },
    });
}

/** Adds when and from where. */
function circumstances(environment: Environment): Environment {
  return environment
    .registerVariable('now', 'google.protobuf.Timestamp')
    .registerVariable({ name: 'client', schema: { address: 'string' } })
    .registerVariable({ name: 'mfa', schema: { ageSeconds: 'int' } })
    .registerVariable('ticket', 'string')
    .registerFunction('string.inNetwork(string): bool', isInNetwork);
}

function ruleEnvironment(): Environment {
  const names = 'list<string>';
  return circumstances(baseEnvironment())
    .registerVariable({
      name: 'statement',
      schema: {
        kind: 'string',
        command: 'string',
        kinds: names,
        tables: names,
        writes: names,
        functions: names,
        outputs: names,
        influence: names,
        settings: names,
        database: 'string',
        role: 'string',
      },
    })
    .registerVariable({
      name: 'ssh',
      schema: {
        kind: 'string',
        login: 'string',
        terminal: 'bool',
        destination: 'string',
        host: 'string',
        port: 'int',
        variables: names,
        opaque: 'bool',
        programs: names,
        paths: names,
        directions: names,
        destructive: 'bool',
      },
    })
    .registerVariable({ name: 'session', schema: { interactive: 'bool' } });
}

function problemOf(error: unknown): ConditionProblem {
  const isPlaced = error instanceof Error && 'summary' in error && 'range' in error;
  if (!isPlaced) return { message: String(error), offset: 0 };
  const range = error.range as { start: number } | undefined;
  const word = error instanceof ParseError ? 'syntax' : 'type';
  return { message: `CEL ${word} error: ${String(error.summary)}.`, offset: range?.start ?? 0 };
}

/** Networks are written out, so that a slip is found when the policy is read and not when somebody is let in by it. */
function wrongNetwork(root: ASTNode): string | undefined {
  const visit = (value: unknown): string | undefined => {
    if (Array.isArray(value)) return value.map(visit).find((found) => found !== undefined);
    if (!isNode(value)) return undefined;
    if (value.op === 'rcall' && value.args[0] === 'inNetwork') {
      const [network] = value.args[2];
      const text: unknown = network?.op === 'value' ? network.args : undefined;
      if (typeof text !== 'string') return 'Write the network of inNetwork() as a text such as "10.0.0.0/8".';
      if (tryNetwork(text) === undefined) return `"${text}" is not a network such as 10.0.0.0/8 or fd00::/8.`;
    }
    return visit(value.args);
  };
  return visit(root);
}

/** Names and called functions anywhere in the expression. */
function wordsOf(root: ASTNode): { names: Set<string>; calls: Set<string> } {
  const names = new Set<string>();
  const calls = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    if (!isNode(value)) return;
    if (value.op === 'id') names.add(value.args);
    if (value.op === 'call' || value.op === 'rcall') calls.add(value.args[0]);
    visit(value.args);
  };
  visit(root);
  return { names, calls };
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}
