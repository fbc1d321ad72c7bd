import type { NotificationEvent } from '../config/notification-schema.ts';
import type { RequestRow } from '../store/approvals.ts';
import type { AuditRow } from '../store/audit.ts';
import { plainLine } from './plain-text.ts';

/** What is told, the same for all channels. It holds no statement, no parameter and no secret; all texts are plain single lines. */
export interface Notice {
  /** Stable: receivers tell repeated deliveries by it. */
  readonly id: string;
  readonly event: NotificationEvent;
  /** ISO 8601. */
  readonly at: string;
  readonly title: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** The request that can be decided, else null. */
  readonly request: string | null;
  /** Page with the rest, else null. */
  readonly link: string | null;
  /** Command that shows the rest. */
  readonly command: string;
}

/** Audit events that are told, and the sentence of each. */
const told: Readonly<Record<string, readonly [NotificationEvent, (event: TextsOfEvent) => string]>> = {
  'request-made': ['request-made', ({ actor, detail }) => `${actor} asks for approval on ${detail('connection')}`],
  'watcher-needed': ['request-made', ({ actor, detail }) => `${actor} needs a watcher on ${detail('connection')}`],
  'request-approved': ['request-decided', ({ actor, subject }) => `${actor} approved ${subject}`],
  'request-denied': ['request-decided', ({ actor, subject }) => `${actor} denied ${subject}`],
  'request-decided-in-part': [
    'request-decided',
    ({ actor, subject }) => `${actor} approved ${subject}, and others must decide as well`,
  ],
  'request-expired': ['request-expired', ({ subject }) => `Nobody decided ${subject} in time`],
  'access-requested': ['request-made', ({ actor, detail }) => `${actor} asks for access to ${detail('connection')}`],
  'access-decided': [
    'request-decided',
    ({ actor, subject, detail }) => `${actor} ${detail('decision') === 'deny' ? 'denied' : 'approved'} ${subject}`,
  ],
  'access-expired': ['request-expired', ({ subject }) => `Nobody decided ${subject} in time`],
  'grant-given': ['grant-given', ({ subject }) => `Access was granted: ${subject}`],
  'grant-revoked': ['grant-revoked', ({ actor, subject }) => `${actor} revoked the grant ${subject}`],
  'grant-ending': ['grant-ending', ({ subject }) => `The grant ${subject} ends soon`],
  'break-glass-used': ['break-glass-used', ({ actor }) => `BREAK-GLASS: ${actor} took emergency access`],
  'break-glass-review-overdue': ['break-glass-review-overdue', ({ subject }) => `The review of ${subject} is overdue`],
  'agent-locked': ['agent-locked', ({ subject }) => `The agent ${subject} was locked`],
  'emergency-sign-in': ['emergency-sign-in', ({ actor }) => `EMERGENCY: ${actor} signed in with a local account`],
  'passkey-copy-suspected': ['passkey-locked', ({ subject }) => `A passkey of ${subject} was copied and is locked`],
  'user-changed': ['account-disabled', ({ subject }) => `The account ${subject} was disabled`],
};

/** Details that are shown, in this order. All others stay in the audit log. */
const shownDetails = ['principal', 'connection', 'rule', 'approvers', 'until', 'reason'] as const;

interface TextsOfEvent {
  readonly actor: string;
  readonly subject: string;
  detail(name: string): string;
}

/** Actions of the audit log that can be told. */
export const toldActions: readonly string[] = Object.keys(told);

/** The notice of an audit event, null when it is not told. `request` is the approval request that the event is about, if it is one. */
export function noticeOf(
  event: AuditRow,
  request: RequestRow | undefined,
  publicUrl: string | undefined,
): Notice | null {
  const entry = Object.hasOwn(told, event.action) ? told[event.action] : undefined;
  if (entry === undefined) return null;
  const detail = JSON.parse(event.detail) as Record<string, unknown>;
  // Of the changes of an account only its end is told.
  if (event.action === 'user-changed' && !wasDisabled(detail)) return null;
  const [kind, sentence] = entry;
  const subject = plainLine(event.subject, 100);
  const texts = { actor: plainLine(event.actor, 100), subject, detail: (name: string) => textOf(detail[name]) };
  const open = kind === 'request-made' && request !== undefined ? event.subject : null;
  return {
    id: `evt_${event.id}`,
    event: kind,
    at: event.at.toISOString(),
    title: plainLine(sentence(texts), 200),
    facts: [
      ['by', texts.actor] as const,
      ...shownDetails.map((name) => [name, texts.detail(name)] as const),
      ...(request === undefined ? [] : factsOf(request)),
    ].filter(([, value]) => value !== ''),
    request: open,
    link: publicUrl === undefined || request === undefined ? null : linkTo(publicUrl, request.id),
    command: commandOf(event, request),
  };
}

function commandOf({ id, action, subject }: AuditRow, request: RequestRow | undefined): string {
  if (request !== undefined || subject.startsWith('acc_')) return `weir requests show ${plainLine(subject, 100)}`;
  if (subject.startsWith('grt_')) return `weir grants show ${plainLine(subject, 100)}`;
  if (action === 'watcher-needed') return `weir sessions watch ${plainLine(subject, 100)}`;
  return `weir audit ls --after ${Number(id) - 1} --limit 1`;
}

/** What a statement touches, never its text: literals in it can be what the policy protects. */
function factsOf(request: RequestRow): (readonly [string, string])[] {
  return [
    ['statement', request.kind],
    ['tables', plainLine(request.tables.join(', '))],
    ['estimated rows', estimateText(request.estimate)],
    ['until', request.state === 'pending' ? request.expires_at.toISOString() : ''],
  ];
}

function estimateText(estimate: RequestRow['estimate']): string {
  if (estimate === null) return '';
  return estimate.rows === null ? plainLine(`unknown: ${estimate.why ?? ''}`) : `about ${estimate.rows}`;
}

function linkTo(publicUrl: string, id: string): string {
  return new URL(`requests/${encodeURIComponent(id)}`, publicUrl.endsWith('/') ? publicUrl : `${publicUrl}/`).href;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return plainLine(value);
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return plainLine(value.filter((item) => typeof item === 'string').join(', '));
  return '';
}

function wasDisabled({ after }: Readonly<Record<string, unknown>>): boolean {
  return typeof after === 'object' && after !== null && 'disabled' in after && after.disabled === true;
}
