import { isWeirError, WeirError } from '@weir/errors';
import { z } from 'zod';
import type { Approvals, Decider } from '../approvals/approvals.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Log } from '../log/create-log.ts';
import { postJson } from './post-json.ts';
import { approveAction, denyAction } from './slack-message.ts';
import type { SignedRequest, SlackVerifier } from './slack-signature.ts';

/** A Slack app whose buttons decide. */
export interface SlackApp {
  readonly channel: string;
  readonly teamId: string;
  /** Slack user -> account. */
  readonly users: Readonly<Record<string, string>>;
  readonly verifier: SlackVerifier;
}

/** What comes back from Slack when somebody presses a button. */
export interface SlackInteractions {
  /** Decides as the account that the Slack user is. @throws WeirError not_permitted when the request is not Slack's, not_found without an app, invalid_request. */
  receive(request: SignedRequest): Promise<void>;
}

/** What interactions stand on. */
export interface SlackInteractionParts {
  readonly apps: readonly SlackApp[];
  readonly approvals: Pick<Approvals, 'decide'>;
  /** The account as it is now; undefined when there is none or it is disabled. */
  readonly deciderOf: (name: string) => Promise<Decider | undefined>;
  readonly audit: Pick<AuditLog, 'append' | 'later'>;
  readonly log: Log;
  /** Says something to the person who pressed; the way is tested apart. */
  readonly reply?: (url: string, text: string) => Promise<void>;
}

const payloadSchema = z.object({
  type: z.literal('block_actions'),
  team: z.object({ id: z.string() }),
  user: z.object({ id: z.string() }),
  response_url: z.string().max(2000).optional(),
  actions: z.array(z.object({ action_id: z.string(), value: z.string().max(100).optional() })).min(1),
});

/** Makes the receiver. */
export function createSlackInteractions(parts: SlackInteractionParts): SlackInteractions {
  const { reply = replyInSlack } = parts;
  return {
    receive: async (request) => {
      const app = appOf(parts, request);
      const payload = payloadOf(request.body);
      const [action] = payload.actions;
      // The link's button reports here, too.
      if (action?.action_id !== approveAction && action?.action_id !== denyAction) return;
      const decision = action.action_id === approveAction ? 'approve' : 'deny';
      const text = await decideAs(parts, app, payload, { id: action.value ?? '', decision });
      if (payload.response_url !== undefined) await reply(payload.response_url, text);
    },
  };
}

/** The app that signed the request. */
function appOf({ apps, audit }: SlackInteractionParts, request: SignedRequest): SlackApp {
  if (apps.length === 0) throw new WeirError('not_found', 'No Slack app is configured.');
  let why = 'its signature is wrong';
  for (const app of apps) {
    const refusal = app.verifier.refusalOf(request);
    if (refusal === null) return app;
    if (refusal !== 'its signature is wrong') why = refusal;
  }
  audit.later({ actor: 'unknown', action: 'slack-request-refused', subject: 'slack', detail: { why } });
  throw new WeirError('not_permitted', 'This request is not accepted.', { why });
}

function payloadOf(body: Buffer): z.output<typeof payloadSchema> {
  try {
    return payloadSchema.parse(JSON.parse(new URLSearchParams(body.toString('utf8')).get('payload') ?? ''));
  } catch (cause) {
    throw new WeirError('invalid_request', 'This is not the press of a button.', { cause });
  }
}

/** @returns the sentence for the person who pressed. */
async function decideAs(
  { approvals, deciderOf, audit, log }: SlackInteractionParts,
  app: SlackApp,
  { team, user }: z.output<typeof payloadSchema>,
  { id, decision }: { id: string; decision: 'approve' | 'deny' },
): Promise<string> {
  const name = team.id === app.teamId && Object.hasOwn(app.users, user.id) ? app.users[user.id] : undefined;
  const decider = name === undefined ? undefined : await deciderOf(name);
  if (decider === undefined) {
    const detail = { team: team.id, user: user.id, channel: app.channel, decision };
    await audit.append({ actor: name ?? 'unknown', action: 'decision-refused', subject: id.slice(0, 100), detail });
    return 'Your Slack user is no enabled account of Weir. Ask an administrator of the gateway.';
  }
  try {
    const { state } = await approvals.decide(decider, id, { decision, reason: 'decided in Slack' });
    return state === 'approved'
      ? `You approved ${id}.`
      : state === 'denied'
        ? `You denied ${id}.`
        : `Your decision on ${id} counts; it is ${state}.`;
  } catch (error) {
    if (isWeirError(error) && error.code !== 'internal')
      return `${error.message} ${error.why ?? ''} ${error.fix}`.trim();
    log.error('a decision in Slack failed', error, { request: id });
    return `${id} could not be decided. Try it with: weir requests show ${id}`;
  }
}

/** Only Slack's own address is answered, whatever the payload names. */
async function replyInSlack(url: string, text: string): Promise<void> {
  if (!URL.canParse(url) || new URL(url).origin !== 'https://hooks.slack.com') return;
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  await postJson(url, JSON.stringify({ response_type: 'ephemeral', replace_original: false, text: escaped }), {
    timeoutMs: 2000,
  });
}
