import { randomBytes } from 'node:crypto';
import { WeirError } from '@weir/errors';
import { z } from 'zod';
import type { AuditLog } from '../../audit/audit-log.ts';
import { hashOfId } from '../../store/oauth.ts';
import type { PasskeyRepository } from '../../store/passkeys.ts';
import type { Passkeys } from './passkeys.ts';

const subjectSchema = z.object({
  /** What is stepped up: the sign-in of a program, or that of a browser. */
  kind: z.enum(['program', 'browser']),
  /** Hash of the sign-in, hex. */
  signIn: z.string(),
  /** From where it was asked. */
  address: z.string(),
});

/** A sign-in that waits for a second factor. */
export interface StepUpRequest extends z.output<typeof subjectSchema> {
  readonly userId: string;
}

/** Step-up: a sign-in that exists gets a fresh second factor by a passkey of its account. */
export interface StepUp {
  /** @returns the secret part of the page's address. @throws WeirError conflict when the account has no passkey. */
  begin(request: StepUpRequest): Promise<{ code: string; expiresAtMs: number }>;
  find(code: string): Promise<StepUpRequest | undefined>;
  /** Options of `navigator.credentials.get()`, as JSON. */
  options(code: string, request: StepUpRequest): Promise<object>;
  /** Steps up. @throws WeirError sign_in_required. */
  finish(code: string, answer: string, address: string): Promise<StepUpRequest>;
}

/** What it stands on. */
export interface StepUpParts {
  readonly passkeys: Passkeys;
  readonly challenges: Pick<PasskeyRepository, 'insertChallenge' | 'findChallenge' | 'takeChallenge'>;
  /** Notes that the person of a sign-in has used a second factor. */
  readonly mark: Readonly<Record<StepUpRequest['kind'], (hash: Buffer, at: Date) => Promise<void>>>;
  readonly issuer: () => string;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Time to open the page. */
const linkLifeMs = 600_000;
const linkPurpose = 'step-up-link';

/** Makes the use-cases. */
export function createStepUp({ passkeys, challenges, mark, issuer, audit, now }: StepUpParts): StepUp {
  const requestOf = (found: { userId: string | null; subject: string | null } | undefined) =>
    found?.userId == null
      ? undefined
      : { userId: found.userId, ...subjectSchema.parse(JSON.parse(found.subject ?? '')) };
  const find = async (code: string) => requestOf(await challenges.findChallenge(code, linkPurpose, new Date(now())));
  const wanted = (code: string, { userId }: StepUpRequest) => ({
    ...{ purpose: 'step-up', userId, subject: hashOfId(code).toString('hex') },
  });
  return {
    find,
    begin: async ({ userId, ...subject }) => {
      if ((await passkeys.list(userId)).length === 0) {
        throw new WeirError('conflict', 'You have no passkey to prove yourself by.', {
          fix: `Add one at ${issuer()}/account right after signing in there, or sign in anew by a provider that asks for a second factor.`,
        });
      }
      const code = randomBytes(32).toString('base64url');
      const expiresAtMs = now() + linkLifeMs;
      const link = { purpose: linkPurpose, userId, subject: JSON.stringify(subject) };
      await challenges.insertChallenge(code, link, { now: new Date(now()), expiresAt: new Date(expiresAtMs) });
      return { code, expiresAtMs };
    },
    options: (code, request) => passkeys.assertionOptions(wanted(code, request)),
    finish: async (code, answer, address) => {
      const request = await find(code);
      const ended = new WeirError('sign_in_required', 'This page has ended.', { fix: 'Run: weir login --step-up' });
      if (request === undefined) throw ended;
      const { user, passkey, amr, atMs } = await passkeys.assert(answer, wanted(code, request), address);
      if ((await challenges.takeChallenge(code, linkPurpose, new Date(now()))) === undefined) throw ended;
      const detail = { address, askedFrom: request.address, for: request.kind, passkey: passkey.name, by: amr };
      const change = { before: null, after: { secondFactor: new Date(atMs).toISOString() } };
      await audit.append({
        actor: user.name,
        action: 'stepped-up',
        subject: user.name,
        detail: { ...detail, ...change },
      });
      await mark[request.kind](Buffer.from(request.signIn, 'hex'), new Date(atMs));
      return request;
    },
  };
}
