import { WeirError } from '@weir/errors';
import { type PolicyCase, parseCases } from '@weir/policy';
import { parse } from 'yaml';
import { z } from 'zod';

const names = z.array(z.string().min(1).max(200)).max(1600);
/** The parts of a case file that policy itself does not know: the target's tables, and the short way to write a case. */
const fileSchema = z.looseObject({
  tables: z.record(z.string().regex(/^[^.]+\.[^.]+$/, 'write it as schema.table'), names).default({}),
  cases: z.array(z.record(z.string(), z.unknown())).min(1),
});

/** One expectation; `masked` are the output columns that must arrive masked, exactly these (null: not checked). */
export interface ReadCase {
  readonly policyCase: PolicyCase;
  readonly masked: readonly string[] | null;
}

/** A case file. */
export interface CaseFile {
  /** Column names by `schema.table`. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  readonly cases: readonly ReadCase[];
}

/**
 * Reads a case file (YAML or JSON): `cases` as docs/policy.md says, `tables` with the columns that the statements speak of, `masked` in a case, and
 * the short form {user, groups, connection, labels, sql or ssh, expect, rule}. @throws WeirError policy_invalid.
 */
export function readCaseFile(source: string, sourceName: string): CaseFile {
  const { tables, cases } = readFile(source, sourceName);
  const masked = cases.map((raw, index) => maskedOf(raw, `${sourceName}: cases.${index}.masked`));
  const plain = cases.map((raw, index) => longForm(raw, index));
  const parsed = parseCases(JSON.stringify({ cases: plain }), sourceName);
  return { tables, cases: parsed.map((policyCase, index) => ({ policyCase, masked: masked[index] ?? null })) };
}

function readFile(source: string, sourceName: string): z.output<typeof fileSchema> {
  try {
    return fileSchema.parse(parse(source, { maxAliasCount: 100 }));
  } catch (cause) {
    const why =
      cause instanceof z.ZodError
        ? cause.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n')
        : cause instanceof Error
          ? cause.message
          : String(cause);
    throw new WeirError('policy_invalid', `${sourceName} is not a file of cases.`, {
      why,
      fix: 'Write it as: cases: [{user, groups, connection, sql or ssh, expect}]',
      cause,
    });
  }
}

function maskedOf(raw: Readonly<Record<string, unknown>>, place: string): readonly string[] | null {
  if (raw['masked'] === undefined) return null;
  const parsed = names.safeParse(raw['masked']);
  if (parsed.success) return parsed.data;
  throw new WeirError('policy_invalid', `${place}: expected a list of column names.`);
}

function longForm(raw: Readonly<Record<string, unknown>>, index: number): Record<string, unknown> {
  const { masked: _masked, user, groups, kind, connection, labels, expect, rule, reason, name, ...rest } = raw;
  const short = (value: unknown, key: string): Record<string, unknown> => (value === undefined ? {} : { [key]: value });
  return {
    ...rest,
    ...short(name ?? nameOf(rest['sql'] ?? rest['ssh'], index), 'name'),
    ...(user === undefined
      ? short(groups, 'groups')
      : { principal: { name: user, ...short(kind, 'kind'), ...short(groups, 'groups') } }),
    ...(typeof connection === 'string'
      ? { connection: { name: connection, ...short(labels, 'labels') } }
      : { ...short(connection, 'connection'), ...short(labels, 'labels') }),
    ...(typeof expect === 'string'
      ? { expect: { action: expect, ...short(rule, 'rule'), ...short(reason, 'reason') } }
      : { ...short(expect, 'expect'), ...short(rule, 'rule'), ...short(reason, 'reason') }),
  };
}

/** What is asked, or where the case stands. */
function nameOf(asked: unknown, index: number): string {
  if (typeof asked === 'string') return asked.slice(0, 200);
  return typeof asked === 'object' && asked !== null ? JSON.stringify(asked).slice(0, 200) : `case ${index + 1}`;
}
