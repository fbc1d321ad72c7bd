import type { Finding } from '../finding.ts';
import { isGlobCovering } from '../glob.ts';
import type { PlacedDocument } from '../parse.ts';
import type { GuardrailDocument } from '../schema/document.ts';
import type { DocumentMatch } from '../schema/guardrail.ts';
import { warning } from './warning.ts';

const filteredKinds: readonly string[] = ['select', 'update', 'delete'];

/** Guardrails that no statement can meet. */
export function findDeadGuardrails(documents: readonly PlacedDocument[]): Finding[] {
  const hasMasking = documents.some(({ document }) => document.kind === 'Masking');
  return documents.flatMap((placed) => {
    if (placed.document.kind !== 'Guardrail') return [];
    return reasonsOf(placed.document, hasMasking).map(({ key, message }) =>
      warning('guardrail-never-matches', `This guardrail can never match: ${message}`, placed, ['spec', ...key]),
    );
  });
}

interface Reason {
  readonly key: readonly string[];
  readonly message: string;
}

function reasonsOf({ spec }: GuardrailDocument, hasMasking: boolean): Reason[] {
  const reasons = spec.match === undefined ? [] : matchReasons(spec.match, hasMasking);
  if (spec.when?.trim() === 'false') reasons.push({ key: ['when'], message: 'its condition is always false.' });
  const groups = spec.who?.principals === undefined ? spec.who?.groups : undefined;
  const excepted = spec.who?.exceptGroups ?? [];
  if (groups?.every((group) => excepted.some((pattern) => isGlobCovering(pattern, group))) === true) {
    reasons.push({ key: ['who', 'exceptGroups'], message: 'all of its groups are excepted.' });
  }
  return reasons;
}

function matchReasons(match: DocumentMatch, hasMasking: boolean): Reason[] {
  const reasons: Reason[] = [];
  const { kinds } = match;
  if (match.where !== undefined && kinds !== undefined && !kinds.some((kind) => filteredKinds.includes(kind))) {
    reasons.push({ key: ['match', 'where'], message: 'only select, update and delete have a WHERE clause.' });
  }
  if (match.limit !== undefined && kinds !== undefined && !kinds.includes('select')) {
    reasons.push({ key: ['match', 'limit'], message: 'only select has a LIMIT.' });
  }
  reasons.push(...sshReasons(match));
  for (const key of ['outputs', 'influence', 'copies'] as const) {
    const named = match[key];
    const columns = typeof named === 'object' && 'columns' in named ? named.columns : named;
    if (columns === 'protected' && !hasMasking) {
      reasons.push({ key: ['match', key], message: 'no masking rule protects any column.' });
    }
  }
  return reasons;
}

/** Kinds of SSH in which a condition can hold at all. */
const kindsOf: Readonly<Record<string, readonly string[]>> = {
  programs: ['exec', 'scp', 'rsync', 'git', 'sftp', 'input'],
  arguments: ['exec', 'scp', 'rsync', 'git', 'sftp', 'input'],
  variables: ['env'],
  destinations: ['direct-tcpip', 'forwarded-tcpip', 'direct-streamlocal', 'forwarded-streamlocal'],
};

function sshReasons({ kinds, ssh }: DocumentMatch): Reason[] {
  if (kinds === undefined || ssh === undefined) return [];
  return Object.entries(kindsOf).flatMap(([key, possible]) => {
    if (ssh[key as keyof typeof ssh] === undefined || kinds.some((kind) => possible.includes(kind))) return [];
    return [{ key: ['match', 'ssh', key], message: `"${key}" is about ${possible.join(', ')}.` }];
  });
}
