import { type DestinationMatch, destinationName, tryDestinationGlob } from '../../destination.ts';
import { createGlobs } from '../../glob.ts';
import type { SshGuardrailRule } from '../../plan.ts';
import type { SshKind, SshStatement } from '../../ssh-statement.ts';
import { sshName } from '../wording.ts';
import { createCommandTest } from './command-match.ts';
import { createFileTest } from './file-match.ts';

/** Why a condition holds, as the beginning of a sentence. `isCertain` false: it is taken to hold because it cannot be decided. */
export interface SshMatchResult {
  readonly why: string;
  readonly isCertain: boolean;
}

/** null = it does not hold. */
export type SshTest = (statement: SshStatement) => SshMatchResult | null;

/** Compiles the conditions of a guardrail: all must hold. What a command does is doubtful once any of it is opaque; where it goes is not. */
export function createSshMatch(rule: SshGuardrailRule): SshTest {
  const { match } = rule;
  const certain = [
    rule.kinds !== null ? kindTest(rule.kinds, rule.files) : rule.watcher === null ? notTyped : shellTest,
    rule.commands && nameTest(rule.commands),
    match.logins && loginTest(match.logins),
    match.variables && variableTest(match.variables),
    match.destinations && destinationTest(match.destinations),
    match.opaque && opaqueTest,
  ].filter((test) => test !== undefined && test !== null);
  const doubtful = [match.destructive && destructiveTest, createCommandTest(match), createFileTest(match)].filter(
    (test) => test !== undefined,
  );
  const tests: readonly SshTest[] = [...certain, ...doubtful.map(orOpaque)];
  return (statement) => {
    let result = sure('');
    for (const test of tests) {
      const found = test(statement);
      if (found === null) return null;
      // Rules about typed lines are advisory: they go by what is seen.
      if (!found.isCertain && statement.facts.kind === 'input') return null;
      result = { why: found.why, isCertain: found.isCertain && result.isCertain };
    }
    return result;
  };
}

const sure = (why: string): SshMatchResult => ({ why, isCertain: true });

/** Nobody knows that it does not. */
function orOpaque(test: SshTest): SshTest {
  return (statement) => {
    const found = test(statement);
    const [opaque] = statement.facts.opaque;
    if (found !== null || opaque === undefined) return found;
    const why = `${sshName(statement.facts)} may do what this rule is about, because ${lowered(opaque)}`;
    return { why, isCertain: false };
  };
}

/** A sentence in the middle of another. */
export function lowered(text: string): string {
  const plain = text.trim().replace(/[.\s]+$/, '');
  return /^[A-Z][a-z ]/.test(plain) ? `${plain.charAt(0).toLowerCase()}${plain.slice(1)}` : plain;
}

function kindTest(kinds: readonly SshKind[], hasFiles: boolean): SshTest {
  return (statement) => {
    const { facts } = statement;
    const named = kinds.find((wanted) => wanted === facts.kind || facts.kinds.includes(wanted));
    const kind = named ?? (hasFiles && facts.kind.startsWith('file-') ? facts.kind : undefined);
    return kind === undefined ? null : sure(`${sshName(statement.facts)} is of the kind ${kind}`);
  };
}

/** Typed lines are meant by rules alone that name them. */
const notTyped: SshTest = (statement) =>
  statement.facts.kind === 'input' ? null : sure(`${sshName(statement.facts)} matches a rule for everything`);

/** What somebody can watch: a shell, a command with a terminal, and one that may be a shell. */
const shellTest: SshTest = ({ facts, terminal }) => {
  const isWatched = facts.kind === 'shell' || (facts.kind === 'exec' && (terminal || facts.opaque.length > 0));
  return isWatched ? sure(`${sshName(facts)} has to be watched`) : null;
};

function nameTest(patterns: readonly string[]): SshTest {
  const matches = createGlobs(patterns, { ignoreCase: true });
  return (statement) =>
    matches(statement.facts.command) ? sure(`${sshName(statement.facts)} is not for this connection`) : null;
}

function loginTest(patterns: readonly string[]): SshTest {
  const matches = createGlobs(patterns, { ignoreCase: false });
  return (statement) =>
    matches(statement.login) ? sure(`${sshName(statement.facts)} would run as ${statement.login}`) : null;
}

function variableTest(patterns: readonly string[]): SshTest {
  const matches = createGlobs(patterns, { ignoreCase: false });
  return ({ facts }) => {
    const found = facts.variables.find(matches);
    return found === undefined ? null : sure(`it would set the variable ${found}`);
  };
}

function destinationTest(patterns: readonly string[]): SshTest {
  const globs = patterns
    .map((pattern) => ({ pattern, matches: tryDestinationGlob(pattern) }))
    .filter((glob): glob is { pattern: string; matches: DestinationMatch } => glob.matches !== undefined);
  return ({ facts: { destination } }) => {
    if (destination === null) return null;
    const name = destinationName(destination);
    const answers = globs.map(({ pattern, matches }) => ({ pattern, answer: matches(destination) }));
    if (answers.some(({ answer }) => answer === 'yes')) return sure(`it would reach ${name}`);
    const doubt = answers.find(({ answer }) => answer === 'maybe');
    if (doubt === undefined) return null;
    return { why: `it would reach ${name}, which may be at ${doubt.pattern}`, isCertain: false };
  };
}

const opaqueTest: SshTest = (statement) => {
  const [reason] = statement.facts.opaque;
  if (reason === undefined) return null;
  return sure(`the effect of ${sshName(statement.facts)} cannot be known before it runs: ${lowered(reason)}`);
};

const destructiveTest: SshTest = ({ facts: { destructive } }) => {
  const [reason] = destructive;
  return reason === undefined ? null : sure(lowered(reason));
};
