import type { ApprovalQuestion, SqlSubject } from '@weir/gate';
import { encodeBind, encodeExecute, encodeParse, encodeSync } from '@weir/wire-postgres';
import type { DialledPostgres } from '../targets/postgres.ts';
import type { TextRows } from './catalog-store.ts';
import { createPlainClient, type PlainClient } from './plain-client.ts';
import { boundValues, notPlannable } from './plannable.ts';
import { plannerRiskQuery, riskParameter } from './planner-risk.ts';

/** Rows that the target's planner expects a statement to change or, when it changes none, to deliver; null = not known, and why in a few words. */
export interface RowEstimate {
  readonly rows: number | null;
  readonly why: string | null;
}

/** How long all of it may take, and how long the planner may; ms. */
const wholeMs = 2_000;
const plannerMs = 500;
/** A table that is locked now is not waited for longer, ms. */
const lockMs = 100;
/** Estimates at the same time in one process: each is a connection to a target. */
const mostAtOnce = 4;
/** How long an estimate is told again for the same statement, ms, and how many are kept. */
const keptMs = 60_000;
const mostKept = 256;

/**
 * Asks planners for those who decide about a statement: by EXPLAIN without ANALYZE, in a read-only transaction on a connection of its own, with its
 * parameters bound by the protocol. Nothing runs: what the planner itself would run (functions of users) makes the estimate unknown. Never throws.
 */
export function createRowEstimator(now: () => number): {
  estimate(question: ApprovalQuestion<SqlSubject>, dial: () => Promise<DialledPostgres>): Promise<RowEstimate>;
} {
  const kept = new Map<string, { readonly untilMs: number; readonly answer: RowEstimate }>();
  let running = 0;
  const ask = async (question: ApprovalQuestion<SqlSubject>, dial: () => Promise<DialledPostgres>) => {
    const refusal = notPlannable(question.subject);
    if (refusal !== null) return unknown(refusal);
    if (running >= mostAtOnce) return unknown('other estimates were under way');
    running += 1;
    try {
      return await withinTime(question, dial);
    } finally {
      running -= 1;
    }
  };
  return {
    async estimate(question, dial) {
      const known = kept.get(question.binding);
      if (known !== undefined && known.untilMs > now()) return known.answer;
      const answer = await ask(question, dial);
      if (answer.rows === null) return answer;
      kept.delete(question.binding);
      kept.set(question.binding, { untilMs: now() + keptMs, answer });
      const oldest = kept.keys().next();
      if (kept.size > mostKept && !oldest.done) kept.delete(oldest.value);
      return answer;
    },
  };
}

const unknown = (why: string): RowEstimate => ({ rows: null, why });

async function withinTime(
  question: ApprovalQuestion<SqlSubject>,
  dial: () => Promise<DialledPostgres>,
): Promise<RowEstimate> {
  const state: { dialled: DialledPostgres | undefined; isLate: boolean } = { dialled: undefined, isLate: false };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<RowEstimate>((resolve) => {
    timer = setTimeout(() => {
      state.isLate = true;
      resolve(unknown(`the target did not answer within ${wholeMs} ms`));
    }, wholeMs).unref();
  });
  const asked = dial()
    .then((dialled) => {
      state.dialled = dialled;
      if (!state.isLate) return askPlanner(question, dialled);
      dialled.socket.destroy();
      return late;
    })
    .catch((error: unknown) => unknown(reasonOf(error)));
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
    if (state.isLate) state.dialled?.socket.destroy();
  }
}

/** In words that hold nothing of the server's message: values can stand there. */
function reasonOf(error: unknown): string {
  const sqlstate = error instanceof Error && 'why' in error ? String(error.why ?? '') : '';
  if (sqlstate.startsWith('SQLSTATE 57014')) return `the planner did not answer within ${plannerMs} ms`;
  if (sqlstate.startsWith('SQLSTATE 55P03')) return 'a table is locked';
  return sqlstate.startsWith('SQLSTATE')
    ? `the planner refused the statement (${sqlstate})`
    : 'the target could not be asked';
}

async function askPlanner(
  { subject: { understood, parameterFormats, parameterTypes }, parameters }: ApprovalQuestion<SqlSubject>,
  { socket }: DialledPostgres,
): Promise<RowEstimate> {
  const values = boundValues(parameters, parameterFormats);
  if (values === null) return unknown('a parameter is too large');
  const client = createPlainClient(socket);
  socket.resume();
  try {
    return await explain(client, { understood, parameterTypes, parameterFormats, values });
  } finally {
    // The transaction ends with its connection.
    client.close();
  }
}

interface Explained extends SqlSubject {
  readonly values: readonly (Buffer | null)[];
}

async function explain(
  client: PlainClient,
  { understood, parameterTypes, parameterFormats, values }: Explained,
): Promise<RowEstimate> {
  const bound = (text: string, texts: readonly string[]): Promise<TextRows> =>
    client.send(extended(text, [], { parameters: texts.map((value) => Buffer.from(value)) }));
  await client.query(
    `BEGIN READ ONLY; SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = ${plannerMs}; SET LOCAL lock_timeout = ${lockMs}`,
  );
  const [[risk] = []] = await bound(plannerRiskQuery, [riskParameter(understood.statements)]);
  if (risk != null) return unknown(risk);
  // Temporary tables are of the client's own connection; what uses one has been sorted out.
  const path = understood.view.searchPath.filter((schema) => !schema.startsWith('pg_temp')).map(quoted);
  await bound("SELECT pg_catalog.set_config('search_path', $1, true)", [path.join(', ')]);
  const rows = await client.send(
    extended(`EXPLAIN (FORMAT JSON) ${understood.text}`, parameterTypes, { parameters: values, parameterFormats }),
  );
  return { rows: expectedRows(JSON.parse(rows[0]?.[0] ?? 'null')), why: null };
}

function extended(text: string, types: readonly number[], bind: Parameters<typeof encodeBind>[2]): Buffer {
  return Buffer.concat([encodeParse('', text, types), encodeBind('', '', bind), encodeExecute(''), encodeSync()]);
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Plan Rows': number;
  readonly 'Parent Relationship'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** EXPLAIN's JSON: rows that reach the parts that change data, together; without such parts those of the answer. @throws TypeError when it has another shape. */
export function expectedRows(explained: unknown): number {
  const [{ Plan: root }] = explained as [{ Plan: PlanNode }];
  const changes: number[] = [];
  const visit = (node: PlanNode) => {
    for (const child of node.Plans ?? []) {
      const relationship = child['Parent Relationship'];
      const feeds = relationship === 'Outer' || relationship === 'Member';
      if (node['Node Type'] === 'ModifyTable' && feeds) changes.push(child['Plan Rows']);
      visit(child);
    }
  };
  visit(root);
  return Math.round(changes.length === 0 ? root['Plan Rows'] : changes.reduce((sum, rows) => sum + rows, 0));
}
