import { WeirError } from '@weir/errors';
import {
  type ConnectionFacts,
  compilePlan,
  lintPolicies,
  loadPlan,
  type PlanEvaluator,
  type PolicyDocument,
  type Principal,
  parsePolicies,
  type Statement,
  type Verdict,
} from '@weir/policy';
import { createPostgresAnalyser } from '@weir/sql';
import type { Random } from '../core/random.ts';
import { type FuzzTarget, must } from '../core/target.ts';
import { catalog } from './catalog.ts';

const sqls = [
  'SELECT email, name FROM users WHERE id = 1',
  'SELECT * FROM orders',
  "SELECT count(*) FROM users WHERE email LIKE 'a%' GROUP BY name ORDER BY ssn LIMIT 5",
  'UPDATE users SET name = email',
  "UPDATE orders SET note = 'x' WHERE id = 1",
  'DELETE FROM orders',
  "INSERT INTO t (id, name) VALUES (1, 'a')",
  'SELECT leak(1)',
  'DROP TABLE orders',
  "SET search_path = 'hr'",
  'COPY users TO STDOUT',
  'BEGIN',
];
const principals: readonly Principal[] = [
  { id: '1', name: 'ann', kind: 'person', groups: ['dev', 'ops'] },
  { id: '2', name: 'job', kind: 'service', groups: ['admins'] },
];
const connections: readonly ConnectionFacts[] = [
  { name: 'shop', protocol: 'postgres', labels: { env: 'demo', tier: '1' } },
  { name: 'hr-prod', protocol: 'postgres', labels: {} },
];
const columns = ['email', 'name', 'ssn', 'id'].map((column) => ({ schema: 'public', table: 'users', column }));
const context = { now: new Date('2026-02-03T04:05:06Z'), interactive: true, statementCount: 1 };
const strictness = { allow: 0, 'require-approval': 1, deny: 2 } as const;

const values =
  'Access Guardrail Masking Budget deny require-approval allow observe enforce wait retry auto public.users public.users.email "*.*.*" "*" [] {} null true false 0 1 -1 10m 1d protected ineffective none partial redact hash "null" fake email card [select] [ddl,update] {groups:[dev]} {groups:["*"]} {names:["*"]} size(statement.tables)>0 principal.name=="ann" connection.labels.env=="demo" now.getHours("UTC")<6 1/0==1 &a *a !!set [1,2] {over:1} {missing:1} opaque 2026-01-01 ~ 1e999 __proto__ constructor'.split(
    ' ',
  );
const keys =
  'apiVersion kind metadata spec name description who connections groups principals kinds exceptGroups exceptPrincipals names labels statements opaque maxRows allowSettings when match where limit tables effects functions settings outputs influence copies multiStatement action approval approvers mode timeout reason hint columns transform contentType detect exempt window rows affected returned per bytes aggregates minGroupSize writeBack __proto__ constructor'.split(
    ' ',
  );

/** Lines and whole documents are moved about; values and keys are replaced. */
function mutatePolicy(input: Buffer, other: Buffer, random: Random): Buffer {
  const lines = input.toString('utf8').split('\n');
  const at = random.below(lines.length);
  const line = lines[at] ?? '';
  switch (random.below(7)) {
    case 0:
      lines.splice(at, 1);
      break;
    case 1:
      lines.splice(random.below(lines.length), 0, line);
      break;
    case 2:
      lines[at] = line.replace(/(:|- ).*$/, (_all, mark: string) => `${mark} ${random.pick(values)}`);
      break;
    case 3:
      lines[at] = line.replace(/[\w"]+:/, `${random.pick(keys)}:`);
      break;
    case 4:
      lines[at] = random.once(2) ? `  ${line}` : line.replace(/^ {2}/, '');
      break;
    case 5: {
      const documents = other.toString('utf8').split(/^---$/m);
      const mine = lines.join('\n').split(/^---$/m);
      mine.splice(random.below(mine.length + 1), random.below(2), random.pick(documents));
      return Buffer.from(mine.join('---'));
    }
    default: {
      const indent = /^ */.exec(line)?.[0] ?? '';
      lines.splice(at, 0, `${indent}${random.pick(keys)}: ${random.pick(values)}`);
    }
  }
  return Buffer.from(lines.join('\n'));
}

/** Makes the target with the statements that every policy is asked about. */
export async function createPolicyTarget(): Promise<FuzzTarget> {
  const statements = await readStatements();
  return {
    what: 'a policy from its text to verdicts',
    maxBytes: 16 * 1024,
    maxMs: 1500,
    maxBufferBytes: 1024 * 1024,
    dictionary: [...values, ...keys.map((key) => `${key}:`), '\n---\n', '\n  '].map((word) => Buffer.from(word)),
    mutate: mutatePolicy,
    run(input) {
      const text = input.toString('utf8');
      const errors = lintPolicies(text, 'policy').filter(({ severity }) => severity === 'error');
      const documents = tryParse(text);
      must((documents === undefined) === errors.length > 0, 'lint and parse disagree about what is wrong');
      if (documents === undefined) return;
      for (const principal of principals) {
        for (const connection of connections) checkPair(documents, principal, connection, statements);
      }
    },
  };
}

async function readStatements(): Promise<Statement[]> {
  const analyser = await createPostgresAnalyser();
  analyser.loadCatalog(catalog);
  const searchPath = ['pg_catalog', 'public'];
  return sqls.map((text) => {
    const objects = { prepared: {}, cursors: {} };
    const result = analyser.analyse({ text, searchPath, role: 'app', objects, catalogVersion: catalog.version });
    if (!result.ok || result.statements[0] === undefined) throw new Error(`${text} is not understood`);
    const facts = result.statements[0].facts;
    return { text, parameters: [], database: 'shop', role: 'app', searchPath, facts };
  });
}

function tryParse(text: string): PolicyDocument[] | undefined {
  try {
    return parsePolicies(text, 'policy');
  } catch (error) {
    if (error instanceof WeirError && error.code === 'policy_invalid') return undefined;
    throw error;
  }
}

/** What must be true of every policy for somebody on a connection. */
function checkPair(
  documents: readonly PolicyDocument[],
  principal: Principal,
  connection: ConnectionFacts,
  statements: readonly Statement[],
): void {
  const plan = compilePlan(documents, principal, connection, { policyVersion: '1' });
  const open = (some: readonly PolicyDocument[]) =>
    loadPlan(JSON.parse(JSON.stringify(compilePlan(some, principal, connection, { policyVersion: '1' }))));
  const evaluator = open(documents);
  must(open([...documents].reverse()).plan.version === plan.version, 'the order of the documents matters');
  const verdicts = statements.map((statement) => evaluator.evaluate(statement, context));
  const isAccess = ({ kind }: PolicyDocument) => kind === 'Access';
  const bare = open(documents.filter(isAccess));
  checkNoMilder(verdicts, bare, statements, 'without guardrails, masks and budgets');
  const [first] = documents.filter((document) => !isAccess(document));
  if (first !== undefined) {
    const fewer = open(documents.filter((document) => document !== first));
    checkNoMilder(verdicts, fewer, statements, `without ${first.kind.toLowerCase()} ${first.name}`);
    for (const column of columns)
      must(evaluator.isProtected(column) || !fewer.isProtected(column), `a rule more unmasks ${column.column}`);
  }
  const none = open(documents.filter((document) => !isAccess(document)));
  for (const statement of statements)
    must(none.evaluate(statement, context).action === 'deny', 'something is allowed that no access rule allows');
}

/** Whatever rules take away, they do not give. */
function checkNoMilder(
  verdicts: readonly Verdict[],
  fewer: PlanEvaluator,
  statements: readonly Statement[],
  what: string,
): void {
  for (const [index, statement] of statements.entries()) {
    const [action, before] = [verdicts[index]?.action ?? 'deny', fewer.evaluate(statement, context).action];
    must(strictness[action] >= strictness[before], `${statement.text}: ${action}, but ${before} ${what}`);
  }
}
