import { WeirError } from '@weir/errors';
import { type GrantFacts, grantsInForce, opensBy } from './access-request.ts';
import {
  isAboutSql,
  isAboutSsh,
  sqlKindsOf,
  sqlMatchOf,
  sshAccessOf,
  sshGuardrailRule,
  sshKindsOf,
  streamMaskRules,
} from './compile-ssh.ts';
import { isConditionProblem, principalContext, tryCondition } from './condition.ts';
import { tryDuration } from './duration.ts';
import { fingerprint } from './fingerprint.ts';
import {
  type AccessRule,
  type BudgetRule,
  type GuardrailRule,
  type InfluenceScope,
  influenceScopes,
  type MaskRule,
  type Plan,
  type PlanCapability,
  planFormat,
  type SshPlan,
} from './plan.ts';
import { type ConnectionFacts, type Principal, personBehind } from './principal.ts';
import type {
  AccessDocument,
  BudgetDocument,
  GuardrailDocument,
  MaskingDocument,
  PolicyDocument,
} from './schema/document.ts';
import type { MaskingSpec, Stance } from './schema/masking.ts';
import { isExempt, isNamed, isReached } from './scope.ts';

/** What a session brings that stays the same while it lives. */
export interface SessionFacts {
  readonly clientAddress: string | null;
  /** Milliseconds since the epoch; null = no second factor was used. */
  readonly mfaAtMs: number | null;
}

/**
 * Compiles the policy for one principal on one connection. The order of the documents does not matter.
 * `policyVersion` is carried through for records. @throws WeirError `policy_invalid` when two documents have one name.
 */
export function compilePlan(
  documents: readonly PolicyDocument[],
  principal: Principal,
  connection: ConnectionFacts,
  options: {
    readonly policyVersion: string;
    /** What was granted to this principal for this connection and has not ended; grants of rules that do not hold are passed over. */
    readonly grants?: readonly GrantFacts[];
    /** The same for the person for whom the principal acts. */
    readonly grantsBehind?: readonly GrantFacts[];
    readonly session?: SessionFacts;
  },
): Plan {
  refuseDuplicates(documents);
  const reached = documents
    .filter((document) => document.kind !== 'WorkloadTrust')
    .filter((document) => isReached(document.spec.connections, connection))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
  const behind = personBehind(principal);
  const grants = grantsInForce(documents, principal, connection, options.grants ?? []);
  const access = accessOf(reached, principal, connection, grants);
  const grantsOfBehind = behind && grantsInForce(documents, behind, connection, options.grantsBehind ?? []);
  const accessBehind = behind && accessOf(reached, behind, connection, grantsOfBehind ?? []);
  const allowed = access.length > 0 && accessBehind?.length !== 0;
  // What restricts either of the two restricts both.
  const holders = behind === undefined ? [principal] : [principal, behind];
  const mine = reached.filter(({ spec }) => holders.some((holder) => isNamed(spec.who, holder)));
  const inForce = allowed ? mine : [];
  const rails = inForce.filter((document) => document.kind === 'Guardrail');
  const maskings = inForce
    .filter((document) => document.kind === 'Masking')
    .filter((document) => holders.some((holder) => isMasked(document, holder, connection)));
  const isSsh = connection.protocol === 'ssh';
  const ssh: SshPlan = {
    guardrails: rails.filter(isAboutSsh).map((document) => sshGuardrailRule(document, approvalOf(document.spec))),
    masks: maskings.flatMap(streamMaskRules),
  };
  const guardrails = isSsh ? [] : rails.filter(isAboutSql).map(guardrailRule);
  const restricting = isSsh ? ssh.guardrails : guardrails;
  const budgets = isSsh ? [] : inForce.filter((document) => document.kind === 'Budget').map(budgetRule);
  const contents = {
    format: planFormat,
    principal: {
      id: principal.id,
      name: principal.name,
      kind: principal.kind,
      groups: [...principal.groups].sort(),
      ...(behind && { actingFor: { id: behind.id, name: behind.name, groups: [...behind.groups].sort() } }),
    },
    connection: { name: connection.name, protocol: connection.protocol, labels: { ...connection.labels } },
    session: sessionOf([...access, ...(accessBehind ?? []), ...restricting], grants, options.session),
    allowed,
    reason: allowed ? null : refusalOf(reached, access.length > 0 && behind ? behind : principal, connection),
    requires: [
      ...requiredBy([...restricting, ...budgets], budgets.length > 0, connection),
      ...(behind ? (['acting-for/1'] as const) : []),
    ],
    access,
    ...(accessBehind && { accessBehind }),
    guardrails,
    masks: isSsh ? [] : maskings.flatMap(maskRules),
    budgets,
    ...(isSsh && { ssh }),
  } satisfies Omit<Plan, 'version' | 'policyVersion'>;
  return { ...contents, version: fingerprint(contents), policyVersion: options.policyVersion };
}

/** What says something about connections. */
type ReachingDocument = Exclude<PolicyDocument, { readonly kind: 'WorkloadTrust' }>;

/** Fingerprint that a plan with these contents must carry. */
export function planVersion(plan: Plan): string {
  const { version: _version, policyVersion: _policyVersion, ...contents } = plan;
  return fingerprint(contents);
}

function accessOf(
  reached: readonly ReachingDocument[],
  holder: Principal,
  { protocol }: ConnectionFacts,
  grants: readonly GrantFacts[],
): AccessRule[] {
  return reached
    .filter((document) => document.kind === 'Access')
    .filter(({ spec }) => isNamed(spec.who, holder))
    .filter(({ spec }) => spec.grant === undefined || grants.some((grant) => opensBy(spec.grant, grant)))
    .map((document) => (protocol === 'ssh' ? sshAccessRule(document) : accessRule(document)))
    .filter(({ kinds }) => kinds === null || kinds.length > 0);
}

function refusalOf(reached: readonly ReachingDocument[], principal: Principal, connection: ConnectionFacts): string {
  const { actingFor } = principal;
  const isBehind = actingFor?.id === principal.id && principal.kind === 'person';
  if (isBehind) {
    return `The principal acts for ${principal.name}, and no access rule lets ${principal.name} use the connection ${connection.name} that way: both need the access.`;
  }
  const isGrantable = reached.some((document) => document.kind === 'Access' && isNamed(document.spec.who, principal));
  if (isGrantable) return `${principal.name} needs a grant for the connection ${connection.name} and has none.`;
  return `No access rule lets ${principal.name} use the connection ${connection.name}.`;
}

/** Only where a condition reads it: other plans stay the same for everybody. */
function sessionOf(
  rules: readonly { readonly when: string | null }[],
  grants: readonly GrantFacts[],
  session: SessionFacts | undefined,
): Plan['session'] {
  const reads = rules.some(({ when }) => when !== null && readsSession(when));
  if (!reads) return null;
  const ticket = grants.map((grant) => grant.ticket).find((text) => text !== null) ?? null;
  return { clientAddress: session?.clientAddress ?? null, mfaAtMs: session?.mfaAtMs ?? null, ticket };
}

function readsSession(when: string): boolean {
  const condition = tryCondition(when, 'rule');
  if (isConditionProblem(condition)) return false;
  return ['client', 'mfa', 'ticket'].some((name) => condition.reads.has(name));
}

function refuseDuplicates(documents: readonly PolicyDocument[]): void {
  const names = new Set<string>();
  for (const { name } of documents) {
    if (names.has(name)) {
      throw new WeirError('policy_invalid', `Two policy documents are named "${name}".`, {
        why: 'Verdicts and records name rules, so a name must stand for one document.',
        fix: 'Rename one of them.',
      });
    }
    names.add(name);
  }
}

function requiredBy(
  rules: readonly Pick<GuardrailRule, 'approval' | 'mode'>[],
  hasBudgets: boolean,
  connection: ConnectionFacts,
): PlanCapability[] {
  const needsApproval = rules.some((rule) => rule.approval !== null && rule.mode === 'enforce');
  return [
    `${connection.protocol}/1`,
    'plan/1',
    ...(needsApproval ? (['approval/1'] as const) : []),
    ...(hasBudgets ? (['budget/1'] as const) : []),
  ];
}

function accessRule(document: AccessDocument): AccessRule {
  const { name, spec } = document;
  return {
    rule: name,
    kinds: sqlKindsOf(document),
    opaque: spec.opaque,
    maxRows: spec.maxRows ?? null,
    allowSettings: spec.allowSettings ?? [],
    trustedFunctions: spec.trustedFunctions ?? [],
    window: spec.window ?? null,
    when: spec.when ?? null,
  };
}

/** What is about rows, settings and functions says nothing about SSH. */
function sshAccessRule(document: AccessDocument): AccessRule {
  const kinds = sshKindsOf(document);
  const sql = { maxRows: null, allowSettings: [], trustedFunctions: [] };
  return { ...accessRule(document), kinds, ...sql, ssh: sshAccessOf(document) };
}

function guardrailRule(document: GuardrailDocument): GuardrailRule {
  const { name, spec } = document;
  return {
    rule: name,
    match: sqlMatchOf(document),
    window: spec.window ?? null,
    rows: spec.rows ?? null,
    when: spec.when ?? null,
    approval: approvalOf(spec),
    reason: spec.reason ?? null,
    hint: spec.hint ?? null,
    mode: spec.mode,
  };
}

function approvalOf({
  action,
  approval,
}: {
  readonly action: GuardrailDocument['spec']['action'];
  readonly approval?: GuardrailDocument['spec']['approval'];
}) {
  if (action !== 'require-approval' || approval === undefined) return null;
  return {
    approvers: [...new Set(approval.approvers.groups)].sort(),
    require: approval.approvers.require,
    people: approval.approvers.people,
    mode: approval.mode,
    timeoutMs: tryDuration(approval.timeout) ?? 600_000,
  };
}

function budgetRule({ name, spec }: BudgetDocument): BudgetRule {
  return {
    rule: name,
    tables: spec.tables,
    rows: spec.rows ?? null,
    bytes: spec.bytes ?? null,
    per: spec.per,
    approval: approvalOf(spec),
    reason: spec.reason ?? null,
    hint: spec.hint ?? null,
    mode: spec.mode,
  };
}

/** Of rules about what SSH shows nothing is left. */
function maskRules({ name, spec }: MaskingDocument): MaskRule[] {
  if (spec.columns === undefined) return [];
  return [
    {
      rule: name,
      columns: spec.columns,
      transform: spec.transform ?? null,
      contentType: spec.contentType ?? null,
      detect: spec.detect ?? [],
      influence: stancesOf(spec.influence),
      minGroupSize: spec.aggregates?.minGroupSize ?? null,
      writeBack: spec.writeBack,
    },
  ];
}

function stancesOf(given: MaskingSpec['influence']): MaskRule['influence'] {
  const stanceOf = (way: InfluenceScope): Stance => (typeof given === 'string' ? given : (given[way] ?? 'allow'));
  return Object.fromEntries(influenceScopes.map((way) => [way, stanceOf(way)])) as MaskRule['influence'];
}

/** A masking rule is decided when the channel opens; a condition that fails counts as met. */
function isMasked({ spec }: MaskingDocument, principal: Principal, connection: ConnectionFacts): boolean {
  if (!isNamed(spec.who, principal) || isExempt(spec.exempt, principal)) return false;
  if (spec.when === undefined) return true;
  const condition = tryCondition(spec.when, 'scope');
  if (isConditionProblem(condition)) return true;
  const result = condition.evaluate({ ...principalContext(principal), connection });
  return 'error' in result || result.value;
}
