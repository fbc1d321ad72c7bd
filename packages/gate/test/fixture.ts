import { compilePlan, loadPlan, type PlanEvaluator, parsePolicies } from '@weir/policy';
import { type Catalog, type CatalogRelation, createPostgresAnalyser } from '@weir/sql';
import {
  type ApprovalAnswer,
  type ApprovalDesk,
  type ApprovalQuestion,
  type BudgetDesk,
  createCatalogIndex,
  createDeliveredMasks,
  createGate,
  type Gate,
  type GateDecision,
  type GateIdentity,
  type GateRequest,
  type ResultField,
  type TargetState,
  type TargetView,
} from '../src/index.ts';

const typeOids: Readonly<Record<string, number>> = { int: 23, text: 25, bytea: 17 };

/** A relation; `columns` is `name:type name …`, text where no type is named. */
export function relation(
  oid: number,
  path: string,
  columns: string,
  more: Partial<CatalogRelation> = {},
): CatalogRelation {
  const [name = '', schema = 'public'] = path.split('.').reverse();
  const made = columns.split(' ').map((column, i) => {
    const [columnName = '', type = 'text'] = column.split(':');
    return { name: columnName, number: i + 1, typeOid: typeOids[type] ?? 25, typeModifier: -1, generated: null };
  });
  return { oid, schema, name, kind: 'r', columns: made, definition: null, parents: [], ...more };
}

export const users = relation(20_001, 'users', 'id:int email name note photo:bytea');
export const orders = relation(20_002, 'orders', 'id:int user_id:int note');
const payments = relation(20_003, 'payments', 'id:int amount:int');

/** A catalog of the given relations; its version is their content. */
export function catalogOf(...relations: readonly CatalogRelation[]): Catalog {
  const version = JSON.stringify(
    relations.map(({ oid, schema, name, columns }) => [oid, schema, name, columns.length]),
  );
  return { version, serverVersion: 180_004, database: 'shop', relations, functions: [], operators: [], types: [] };
}
export const shopCatalog = catalogOf(users, orders, payments);

/** Everybody may do everything, but for what the other documents of a test say. */
export const open = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: everyone }
spec:
  who: { principals: ['*'] }
  connections: { names: ['*'] }
`;

/** One more document; `spec` is flow YAML. */
export const document = (kind: string, name: string, spec: string) =>
  `---\napiVersion: weir.dev/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;

export const noDelete = document(
  'Guardrail',
  'no-delete',
  '{ match: { kinds: [delete] }, action: deny, reason: rows stay, hint: Ask the owner. }',
);
export const redactEmail = document('Masking', 'email', "{ columns: ['public.users.email'], transform: redact }");
export const detectNotes = document('Masking', 'notes', "{ columns: ['*.*.note'], detect: [email] }");
export const hideEmail = `${redactEmail}${detectNotes}`;
/** Writes to payments wait for a second person. */
export const approvePayments = (mode = 'auto') =>
  document(
    'Guardrail',
    'second-person',
    `{ match: { tables: ['public.payments'], effects: [insert, update, delete] }, action: require-approval,
       approval: { approvers: { groups: [leads] }, mode: ${mode}, timeout: 30m }, reason: money moves }`,
  );

export function evaluatorOf(policy: string): PlanEvaluator {
  const principal = { id: 'p1', name: 'alice', kind: 'person', groups: ['developers'] } as const;
  const connection = { name: 'demo', protocol: 'postgres', labels: {} } as const;
  const plan = compilePlan(parsePolicies(policy, 'test.yaml'), principal, connection, { policyVersion: 'v1' });
  return loadPlan(JSON.parse(JSON.stringify(plan)));
}

/** A target in memory: its real state is `catalog`, `searchPath` and `role`; what the gate knows of it is the last refreshed view. */
export interface MemoryTarget extends TargetState {
  catalog: Catalog;
  searchPath: readonly string[];
  role: string;
  /** What the gate said and asked, in order. */
  readonly calls: string[];
  failure: Error | undefined;
  forget(): void;
}

function createMemoryTarget(): MemoryTarget {
  let view: TargetView | null = null;
  let isStale = true;
  const target: MemoryTarget = {
    catalog: shopCatalog,
    searchPath: ['pg_catalog', 'public'],
    role: 'app',
    calls: [],
    failure: undefined,
    forget() {
      isStale = true;
    },
    current: () => (isStale ? null : view),
    last: () => view,
    async refresh(reason) {
      target.calls.push(`refresh ${reason}`);
      await Promise.resolve();
      if (target.failure !== undefined) throw target.failure;
      const { catalog, searchPath, role } = target;
      isStale = false;
      const isSame = view?.index.catalog === catalog && view.searchPath === searchPath && view.role === role;
      if (!isSame || view === null) view = { index: createCatalogIndex(catalog), searchPath, role };
      return view;
    },
    async confirm(known, usage) {
      target.calls.push(`confirm ${[...usage.relations, ...usage.functions].join(' ')}`);
      return known.index.catalog === target.catalog;
    },
    touched(change) {
      target.calls.push(`touched ${change}`);
      isStale = true;
    },
    transactionBegan: () => void target.calls.push('transaction began'),
    transactionEnded: () => void target.calls.push('transaction ended'),
  };
  return target;
}

/** A desk whose answers the test gives. */
export interface MemoryDesk extends ApprovalDesk {
  readonly questions: ApprovalQuestion[];
  /** Says that the request exists and waits. */
  pending(notice?: string): void;
  answer(answer: Partial<ApprovalAnswer>): void;
  fail(error: Error): void;
}

export function createMemoryDesk(): MemoryDesk {
  const questions: ApprovalQuestion[] = [];
  let asked: {
    onPending: (id: string, link: string | null, notice?: string) => void;
    resolve: (answer: ApprovalAnswer) => void;
    reject: (e: Error) => void;
  };
  let isOpen = false;
  const answer = (given: Partial<ApprovalAnswer>) => {
    isOpen = false;
    asked.resolve({ requestId: 'req-1', state: 'approved', by: null, reason: null, ...given });
  };
  return {
    questions,
    ask(question, onPending) {
      questions.push(question);
      isOpen = true;
      return new Promise((resolve, reject) => {
        asked = { onPending, resolve, reject };
      });
    },
    pending: (notice) => asked.onPending('req-1', 'https://weir.example.com/requests/req-1', notice),
    answer,
    fail: (error) => asked.reject(error),
    withdraw(why) {
      if (!isOpen) return false;
      answer({ state: why });
      return true;
    },
  };
}

export interface GateEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** A gate with its world, and what it recorded and said. */
export interface TestGate {
  readonly gate: Gate;
  readonly target: MemoryTarget;
  readonly desk: MemoryDesk;
  readonly events: GateEvent[];
  readonly notices: string[];
  setPolicy(policy: string): void;
  clock: number;
  query(text: string, more?: Partial<GateRequest>): Promise<GateDecision>;
}

export interface TestGateOptions {
  readonly policy?: string;
  readonly identity?: Partial<GateIdentity>;
  readonly budgets?: BudgetDesk;
}

/** A gateway without a ledger. */
const noBudgets: BudgetDesk = { lease: () => ({ state: 'failed', reason: 'no ledger', resetsAtMs: 0 }) };

const analyser = await createPostgresAnalyser();

export function createTestGate(options: TestGateOptions = {}): TestGate {
  let evaluator = evaluatorOf(options.policy ?? open);
  const target = createMemoryTarget();
  const desk = createMemoryDesk();
  const events: GateEvent[] = [];
  const notices: string[] = [];
  const delivered = createDeliveredMasks();
  const gate = createGate({
    identity: {
      sessionId: 'ses_1',
      principal: 'alice',
      connection: 'demo',
      database: 'shop',
      interactive: true,
      maskingKey: Buffer.alloc(32, 7),
      sampleLimits: { maxRows: 3, maxBytes: 64 },
      ...options.identity,
    },
    evaluator: () => evaluator,
    analyse(request) {
      analyser.loadCatalog(target.catalog);
      return analyser.analyse(request);
    },
    target,
    approvals: desk,
    delivered: () => delivered,
    budgets: options.budgets ?? noBudgets,
    record: (json) => void events.push(JSON.parse(json.toString('utf8')) as GateEvent),
    notice: (message, hint) => void notices.push(`${message} — ${hint}`),
    now: () => world.clock,
  });
  const world: TestGate = {
    gate,
    target,
    desk,
    events,
    notices,
    clock: 1_000,
    setPolicy(policy) {
      evaluator = evaluatorOf(policy);
    },
    query: async (text, more = {}) => gate.judge(requestOf(text, more)),
  };
  return world;
}

export const requestOf = (text: string, more: Partial<GateRequest> = {}): GateRequest => ({
  phase: 'query',
  text,
  prepared: null,
  parameters: [],
  insideTransaction: false,
  failedTransaction: false,
  ...more,
});

/** The ticket of a released statement. */
export function ticketOf(decision: GateDecision) {
  if (decision.action !== 'forward') throw new Error(`denied: ${decision.denial.message}`);
  return decision.ticket;
}

export function denialOf(decision: GateDecision) {
  if (decision.action !== 'deny') throw new Error('it was not denied');
  return decision.denial;
}

/** Tells the gate how one statement of a ticket ended. */
export function finish(world: TestGate, decision: GateDecision, tag: string | null = 'OK', index = 0): void {
  const error = tag === null ? { sqlstate: 'XX000', message: 'failed' } : null;
  world.gate.finished(ticketOf(decision), { index, tag, rows: 0, bytes: 0, error });
}

/** A field as the server describes it: `users.email`, or a bare name for an expression. */
export function fieldOf(path: string, more: Partial<ResultField> = {}): ResultField {
  const [name = '', table] = path.split('.').reverse();
  const from = table === undefined ? undefined : shopCatalog.relations.find((known) => known.name === table);
  const column = from?.columns.find((known) => known.name === name);
  return {
    name,
    tableOid: from?.oid ?? 0,
    attributeNumber: column?.number ?? 0,
    typeOid: column?.typeOid ?? 25,
    typeModifier: -1,
    format: 0,
    ...more,
  };
}

/** Writes one value through a cell mask: text, or null for SQL NULL. */
export function masked(
  mask: { maxLength(n: number): number; write(...a: [Buffer, number, number, Buffer, number]): number } | null,
  value: string | Buffer,
): string | null {
  const source = Buffer.from(value);
  if (mask === null) return source.toString('utf8');
  const target = Buffer.alloc(mask.maxLength(source.length));
  const length = mask.write(source, 0, source.length, target, 0);
  return length < 0 ? null : target.toString('utf8', 0, length);
}

/** Lets everything that waits for nothing run. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
