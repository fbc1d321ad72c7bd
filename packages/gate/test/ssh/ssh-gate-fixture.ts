import { compilePlan, loadPlan, type PlanEvaluator, parsePolicies } from '@weir/policy';
import {
  createSshGate,
  type SshFileRequest,
  type SshGate,
  type SshGateDecision,
  type SshRequest,
} from '../../src/index.ts';
import { createMemoryDesk, document, type GateEvent, type MemoryDesk } from '../fixture.ts';

/** Everything, opaque commands and forwards too. */
export const allKinds = document(
  'Access',
  'everyone',
  `{ who: { principals: ['*'] }, connections: { names: ['*'] }, opaque: allow, ssh: { env: ['*'] },
     statements: { kinds: [shell, exec, scp, rsync, git, sftp, subsystem, direct-tcpip, forwarded-tcpip, direct-streamlocal,
       forwarded-streamlocal, auth-agent, x11, env] } }`,
);

/** What access gives without naming kinds. */
export const usual = document('Access', 'everyone', "{ who: { principals: ['*'] }, connections: { names: ['*'] } }");

export const deny = (name: string, match: string) => document('Guardrail', name, `{ match: ${match}, action: deny }`);
export const approve = (name: string, match: string, more = '') =>
  document(
    'Guardrail',
    name,
    `{ match: ${match}, action: require-approval, approval: { approvers: { groups: [leads] }, timeout: 30m${more} } }`,
  );
export const watched = (name: string, match = '{ kinds: [shell] }', groups = '[leads]') =>
  document(
    'Guardrail',
    name,
    `{ match: ${match}, action: require-watcher, watcher: { groups: ${groups}, timeout: 1m } }`,
  );

function evaluatorOf(policy: string): PlanEvaluator {
  const principal = { id: 'p1', name: 'alice', kind: 'person', groups: ['developers'] } as const;
  const connection = { name: 'web-1', protocol: 'ssh', labels: {} } as const;
  const plan = compilePlan(parsePolicies(policy, 'test.yaml'), principal, connection, { policyVersion: 'v1' });
  return loadPlan(JSON.parse(JSON.stringify(plan)));
}

/** A gate with its world, and what it recorded and said. */
export interface SshTestGate {
  readonly gate: SshGate;
  readonly desk: MemoryDesk;
  readonly events: GateEvent[];
  readonly notices: string[];
  setPolicy(policy: string): void;
  /** The decision at once. @throws when people are asked. */
  now(request: SshRequest): SshGateDecision;
  exec(command: string, terminal?: boolean): SshGateDecision;
}

export function createSshTestGate(policy = allKinds): SshTestGate {
  let evaluator = evaluatorOf(policy);
  const desk = createMemoryDesk();
  const events: GateEvent[] = [];
  const notices: string[] = [];
  const gate = createSshGate({
    identity: { sessionId: 'ses_1', principal: 'alice', connection: 'web-1', login: 'deploy' },
    evaluator: () => evaluator,
    approvals: desk,
    record: (json) => void events.push(JSON.parse(json.toString('utf8')) as GateEvent),
    notice: (text) => void notices.push(text),
    now: () => 1_000,
  });
  const now = (request: SshRequest): SshGateDecision => {
    const decision = gate.judge(request);
    if (decision instanceof Promise) throw new Error('People are asked.');
    return decision;
  };
  return {
    ...{ gate, desk, events, notices, now },
    exec: (command, terminal = false) => now({ kind: 'exec', command, terminal }),
    setPolicy(changed) {
      evaluator = evaluatorOf(changed);
    },
  };
}

/** A file operation of sftp: an open for reading unless it says otherwise. */
export function fileRequest(path: string, more: Partial<SshFileRequest> = {}): SshFileRequest {
  const isAbsolute = path.startsWith('/');
  return {
    ...{ kind: 'file', protocol: 'sftp', within: null, operation: 'open', direction: 'download', path },
    absolutePath: isAbsolute ? path : null,
    ...{ realPath: null, realTo: null, isPathKnown: true, to: null, absoluteTo: more.to ?? null, size: null },
    ...more,
  };
}

/** `forward`, or the message of a denial. */
export const said = (decision: SshGateDecision): string =>
  decision.action === 'forward' ? 'forward' : decision.denial.message;
