import {
  loadPlan,
  type PlanEvaluator,
  type PolicyDocument,
  planOfCase,
  type SqlFacts,
  type Statement,
  type Verdict,
} from '@weir/policy';
import { createPostgresAnalyser, type PostgresAnalyser } from '@weir/sql';
import { caseCatalog } from './case-catalog.ts';
import type { CaseFile, ReadCase } from './read-cases.ts';
import { sshStatementOf } from './ssh-cases.ts';

/** What came of a case. `problem` says how it differs from the expectation; null = it does not. */
export interface CaseOutcome {
  readonly name: string;
  readonly verdict: Verdict;
  /** Output columns that leave masked. */
  readonly masked: readonly string[];
  readonly problem: string | null;
}

/** Runs the cases by the code that decides in the agent: analysis of the SQL, compilation, evaluation. @throws WeirError policy_invalid. */
export async function runCases(
  documents: readonly PolicyDocument[],
  file: CaseFile,
  now: Date,
): Promise<CaseOutcome[]> {
  const catalog = caseCatalog(file.tables);
  const analyser = await createPostgresAnalyser();
  analyser.loadCatalog(catalog);
  return file.cases.map((read) => runCase(documents, read, { analyser, version: catalog.version, now }));
}

interface Surroundings {
  readonly analyser: PostgresAnalyser;
  readonly version: string;
  readonly now: Date;
}

const searchPath = ['pg_catalog', 'public'];

function runCase(
  documents: readonly PolicyDocument[],
  { policyCase, masked }: ReadCase,
  around: Surroundings,
): CaseOutcome {
  const { name, interactive } = policyCase;
  const now = policyCase.now === undefined ? around.now : new Date(policyCase.now);
  const evaluator = loadPlan(planOfCase(documents, policyCase, now));
  if (policyCase.ssh !== undefined) {
    const verdict = evaluator.evaluateSsh(sshStatementOf(policyCase.ssh), { now, interactive });
    return { name, verdict, masked: [], problem: problemOf(verdict, [], policyCase, masked) };
  }
  const text = policyCase.sql ?? '';
  const analysis = around.analyser.analyse({
    text,
    searchPath,
    role: 'app',
    objects: { prepared: {}, cursors: {} },
    catalogVersion: around.version,
  });
  if (!analysis.ok) {
    const reason = `the statement is not understood: ${analysis.message}`;
    const verdict: Verdict = { action: 'deny', rule: 'unknown-statement', reason, hint: '', trace: [] };
    return { name, verdict, masked: [], problem: problemOf(verdict, [], policyCase, masked) };
  }
  const statementCount = Math.max(policyCase.statementCount, analysis.statements.length);
  const verdicts = analysis.statements.map(({ facts }) =>
    evaluator.evaluate(statementOf(text, facts), { now, interactive, statementCount }),
  );
  const verdict = strictest(verdicts);
  const found = maskedOutputs(
    evaluator,
    analysis.statements.map(({ facts }) => facts),
  );
  return { name, verdict, masked: found, problem: problemOf(verdict, found, policyCase, masked) };
}

function statementOf(text: string, facts: SqlFacts): Statement {
  return { text, parameters: [], database: 'cases', role: 'app', searchPath, facts };
}

const rank = { deny: 0, 'require-approval': 1, allow: 2 } as const;

/** All statements of a text must pass: the strictest verdict is the text's. */
function strictest(verdicts: readonly Verdict[]): Verdict {
  const [first, ...others] = verdicts;
  if (first === undefined) throw new Error('a text has at least one statement');
  return others.reduce((worst, next) => (rank[next.action] < rank[worst.action] ? next : worst), first);
}

function maskedOutputs(evaluator: PlanEvaluator, all: readonly SqlFacts[]): string[] {
  const outputs = all.flatMap((facts) => facts.outputs ?? []);
  return outputs
    .filter(
      ({ opaque, origins }) =>
        (opaque && evaluator.hasMasks) || origins.some((origin) => evaluator.isProtected(origin)),
    )
    .map((output) => output.name);
}

function problemOf(
  verdict: Verdict,
  found: readonly string[],
  { expect }: ReadCase['policyCase'],
  masked: readonly string[] | null,
): string | null {
  const what = `${verdict.action} by ${verdict.rule}: ${verdict.reason}`;
  if (verdict.action !== expect.action) return `expected ${expect.action}, found ${what}`;
  if (expect.rule !== undefined && verdict.rule !== expect.rule) return `expected rule ${expect.rule}, found ${what}`;
  if (expect.reason !== undefined && !verdict.reason.includes(expect.reason)) {
    return `expected a reason with "${expect.reason}", found ${what}`;
  }
  if (masked === null) return null;
  const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : [...names].sort().join(', '));
  return list(masked) === list(found) ? null : `expected masked columns ${list(masked)}, found ${list(found)}`;
}
