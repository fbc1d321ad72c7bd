import { WeirError } from '@weir/errors';
import { z } from 'zod';
import { compilePlan } from './compile.ts';
import { loadPlan } from './load.ts';
import type { Plan } from './plan.ts';
import type { PolicyDocument } from './schema/document.ts';
import { count, list, oneOf, section, text } from './schema/field.ts';
import { principalKinds } from './schema/selector.ts';
import { readSource } from './source.ts';
import { sshCaseSchema } from './ssh-case.ts';
import type { SshStatement } from './ssh-statement.ts';
import type { Statement } from './statement.ts';
import type { Verdict } from './verdict.ts';

const expectSchema = section({
  action: oneOf(['allow', 'deny', 'require-approval']),
  rule: text(63).optional(),
  reason: text(500).optional(),
});

const grantsSchema = z.array(
  section({
    rule: text(63),
    kind: oneOf(['request', 'break-glass']).default('request'),
    ticket: text(200).nullable().default(null),
  }),
);

const caseSchema = section({
  name: text(200),
  principal: section({
    name: text(200),
    kind: oneOf(principalKinds).default('person'),
    groups: z.array(text(200)).default([]),
    actingFor: section({ name: text(200), groups: z.array(text(200)).default([]) }).optional(),
  }),
  connection: section({ name: text(200), labels: z.record(text(200), text(200)).default({}) }),
  /** What is asked: an SQL statement, or something by SSH. */
  sql: text(100_000).optional(),
  ssh: sshCaseSchema.optional(),
  grants: grantsSchema.default([]),
  /** Of the person for whom the principal acts. */
  grantsBehind: grantsSchema.optional(),
  client: text(100).optional(),
  mfaAgeSeconds: count(0).optional(),
  now: z.iso.datetime({ error: 'Expected a time such as 2026-01-31T12:00:00Z.' }).optional(),
  interactive: z.boolean().default(true),
  statementCount: count(1).default(1),
  expect: expectSchema,
}).refine(({ sql, ssh }) => (sql === undefined) !== (ssh === undefined), { error: 'A case needs "sql" or "ssh".' });

const casesSchema = section({ cases: list(caseSchema) });

/** One expectation of `weir policy test`: what this person may do with this statement. `reason` is a part of the expected reason. */
export type PolicyCase = z.output<typeof caseSchema>;

/** What came of a case; `problem` says how the verdict differs from the expectation, null = it does not. */
export interface CaseResult {
  readonly name: string;
  readonly verdict: Verdict;
  readonly problem: string | null;
}

/** Reads cases (YAML or JSON: `cases: [...]`). @throws WeirError `policy_invalid` listing every error. */
export function parseCases(source: string, sourceName: string): PolicyCase[] {
  const raw = readSource(source);
  const errors = raw.problems.map(({ line, column, message }) => `${sourceName}:${line}:${column}: ${message}`);
  const cases = raw.documents.flatMap((document) => {
    const parsed = casesSchema.safeParse(document.value);
    if (parsed.success) return parsed.data.cases;
    for (const issue of parsed.error.issues) {
      const path = issue.path.filter((step) => typeof step !== 'symbol');
      const { line, column } = document.positionOf(path);
      errors.push(`${sourceName}:${line}:${column}: ${path.join('.') || 'document'}: ${issue.message}`);
    }
    return [];
  });
  if (errors.length > 0) throw new WeirError('policy_invalid', `The cases have errors:\n${errors.join('\n')}`);
  if (cases.length === 0) throw new WeirError('policy_invalid', `${sourceName} holds no cases.`);
  return cases;
}

/**
 * Runs one case. `statement` is the analysed `sql` or `ssh` of the case; `now` is used when the case names no time.
 * @throws WeirError `policy_invalid` when the documents cannot be compiled.
 */
export function evaluateCase(
  documents: readonly PolicyDocument[],
  policyCase: PolicyCase,
  statement: Statement | SshStatement,
  now: Date,
): CaseResult {
  const { name, expect } = policyCase;
  const at = policyCase.now === undefined ? now : new Date(policyCase.now);
  const { interactive, statementCount } = policyCase;
  const evaluator = loadPlan(planOfCase(documents, policyCase, at));
  const verdict =
    'login' in statement
      ? evaluator.evaluateSsh(statement, { now: at, interactive })
      : evaluator.evaluate(statement, { now: at, interactive, statementCount });
  return { name, verdict, problem: problemOf(verdict, expect) };
}

/** The plan of the person of a case, with the grants that it names. @throws WeirError `policy_invalid`. */
export function planOfCase(documents: readonly PolicyDocument[], policyCase: PolicyCase, now: Date): Plan {
  const { principal, connection, grants, grantsBehind = [], client = null, mfaAgeSeconds } = policyCase;
  const { actingFor, ...self } = principal;
  return compilePlan(
    documents,
    {
      id: principal.name,
      ...self,
      ...(actingFor && { actingFor: { id: actingFor.name, ...actingFor } }),
    },
    { ...connection, protocol: policyCase.ssh === undefined ? 'postgres' : 'ssh' },
    {
      policyVersion: 'test',
      grants,
      grantsBehind,
      session: {
        clientAddress: client,
        mfaAtMs: mfaAgeSeconds === undefined ? null : now.getTime() - mfaAgeSeconds * 1000,
      },
    },
  );
}

function problemOf(verdict: Verdict, expect: PolicyCase['expect']): string | null {
  const found = `${verdict.action} by ${verdict.rule}: ${verdict.reason}`;
  if (verdict.action !== expect.action) return `expected ${expect.action}, found ${found}`;
  if (expect.rule !== undefined && verdict.rule !== expect.rule) return `expected rule ${expect.rule}, found ${found}`;
  if (expect.reason !== undefined && !verdict.reason.includes(expect.reason)) {
    return `expected a reason with "${expect.reason}", found ${found}`;
  }
  return null;
}
