import { tryDuration } from './duration.ts';
import type { AccessRule, GuardrailRule, SshGuardrailRule, SshPlan } from './plan.ts';
import type { AccessDocument, GuardrailDocument, MaskingDocument } from './schema/document.ts';
import { sqlOnlyKeys } from './schema/guardrail.ts';
import { usualVariables } from './schema/ssh.ts';
import { namedOnlySshKinds, type SshKind, sshKinds } from './ssh-statement.ts';
import { type StatementKind, statementKinds } from './statement.ts';

const isSsh = (kind: string): kind is SshKind => (sshKinds as readonly string[]).includes(kind);
const isSql = (kind: string): kind is StatementKind => (statementKinds as readonly string[]).includes(kind);

const fileKinds: readonly SshKind[] = ['file-read', 'file-write', 'file-list', 'file-change'];
const carriers: readonly SshKind[] = ['sftp', 'scp', 'rsync', 'git'];
const typed: readonly SshKind[] = ['shell', 'exec'];

/**
 * The kinds of SSH that an access rule allows. What moves files may do everything to them unless the rule names what, and whoever has a shell or a
 * command may type into it.
 */
export function sshKindsOf({ spec }: AccessDocument): SshKind[] {
  const named = spec.statements?.kinds;
  if (named === undefined) return sshKinds.filter((kind) => !namedOnlySshKinds.includes(kind));
  const kinds = new Set(named.filter(isSsh));
  if (carriers.some((kind) => kinds.has(kind)) && !fileKinds.some((kind) => kinds.has(kind))) {
    for (const kind of fileKinds) kinds.add(kind);
  }
  if (typed.some((kind) => kinds.has(kind))) kinds.add('input');
  return sshKinds.filter((kind) => kinds.has(kind));
}

/** The kinds of SQL that an access rule allows; null = every kind, an empty list = none. */
export function sqlKindsOf({ spec }: AccessDocument): StatementKind[] | null {
  return spec.statements?.kinds?.filter(isSql) ?? null;
}

/** What an access rule says of SSH. */
export function sshAccessOf({ spec }: AccessDocument): AccessRule['ssh'] {
  return { env: spec.ssh?.env ?? [...usualVariables], recordInput: spec.ssh?.recordInput ?? false };
}

/** Can SQL statements meet this guardrail at all? */
export function isAboutSql({ spec }: GuardrailDocument): boolean {
  if (spec.match?.ssh !== undefined || spec.action === 'require-watcher') return false;
  return spec.match?.kinds?.some(isSql) ?? true;
}

/** `match` for SQL. */
export function sqlMatchOf({ spec }: GuardrailDocument): GuardrailRule['match'] {
  const { ssh: _ssh, kinds, ...match } = spec.match ?? {};
  return kinds === undefined ? match : { kinds: kinds.filter(isSql), ...match };
}

/** Can anything that SSH carries meet this guardrail? */
export function isAboutSsh({ spec }: GuardrailDocument): boolean {
  if (spec.rows !== undefined || sqlOnlyKeys.some((key) => spec.match?.[key] !== undefined)) return false;
  return spec.match?.kinds?.some(isSsh) ?? true;
}

/** Compiles a guardrail for an SSH connection. */
export function sshGuardrailRule(
  { name, spec }: GuardrailDocument,
  approval: SshGuardrailRule['approval'],
): SshGuardrailRule {
  return {
    rule: name,
    kinds: spec.match?.kinds?.filter(isSsh) ?? null,
    files: isAboutInside(spec.match),
    commands: spec.match?.commands ?? null,
    match: spec.match?.ssh ?? {},
    window: spec.window ?? null,
    when: spec.when ?? null,
    approval,
    watcher:
      spec.watcher === undefined
        ? null
        : {
            groups: [...new Set(spec.watcher.groups)].sort(),
            timeoutMs: tryDuration(spec.watcher.timeout) ?? 600_000,
          },
    reason: spec.reason ?? null,
    hint: spec.hint ?? null,
    mode: spec.mode,
  };
}

/** A rule about files in sftp or scp is about the operations in them, and not about rsync and git. */
function isAboutInside(match: GuardrailDocument['spec']['match']): boolean {
  const { paths, directions, sizeOver, content, destructive } = match?.ssh ?? {};
  const isAboutFiles = [paths, directions, sizeOver, content, destructive].some((key) => key !== undefined);
  return isAboutFiles && (match?.kinds?.some((kind) => kind === 'sftp' || kind === 'scp') ?? false);
}

/** Compiles a masking rule for what SSH shows; of rules about columns nothing is left. */
export function streamMaskRules({ name, spec }: MaskingDocument): SshPlan['masks'] {
  if (spec.output === undefined || spec.detect === undefined) return [];
  return [{ rule: name, output: spec.output, detect: spec.detect }];
}
