import { isWeirError, WeirError } from '@weir/errors';
import { checkCertificate, fingerprintOf, type SignatureFacts } from '@weir/ssh-certificate';
import type { AuditLog } from '../../audit/audit-log.ts';
import type {
  LiveSession,
  SshAnswer,
  SshAttempt,
  SshAuthenticator,
  SshHostKey,
  SshMethod,
  SshVisitor,
} from '../../dataplane/ports.ts';
import type { SshAuthorities } from '../../ssh/ssh-authorities.ts';
import type { SshKeyRepository } from '../../store/ssh-keys.ts';
import type { UserRepository, UserRow } from '../../store/users.ts';
import type { Caller } from '../caller.ts';
import type { LocalAccounts } from '../local-accounts.ts';
import { createLoginThrottle, type LoginThrottle } from '../login-throttle.ts';
import type { Confirmations } from './confirmations.ts';
import { checkProof, type OfferedKey, readOfferedKey } from './offered-key.ts';
import { isSessionPassword } from './session-password.ts';
import { browserSignIn, keySignIn } from './ssh-sign-ins.ts';
import type { UserCertificates } from './user-certificates.ts';
import { requireKeyAccount } from './user-keys.ts';

/** What the authenticator stands on. */
export interface SshAuthenticatorParts {
  readonly authorities: Pick<SshAuthorities, 'trusted'>;
  readonly hostKeys: () => readonly SshHostKey[];
  readonly certificates: Pick<UserCertificates, 'callerOf'>;
  readonly keys: Pick<SshKeyRepository, 'findByFingerprint' | 'used'>;
  readonly users: Pick<UserRepository, 'findById' | 'signedIn'>;
  readonly local: LocalAccounts;
  readonly rolesOf: (user: UserRow) => Caller['roles'];
  readonly confirmations: Confirmations;
  /** Address of the gateway's pages. */
  readonly issuer: () => string;
  /** The live session whose `user` of `weir connect` a client gives. */
  readonly findByLogin: (user: string) => LiveSession | null;
  readonly openNative: (caller: Caller, connection: string, clientAddress: string) => Promise<LiveSession>;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Keys cannot be guessed; clients try all that they have, and many may come at once. */
const keyLimits = { perUserAndAddress: 1_000, perAddress: 3_000, windowMs: 60_000 };
/** Passwords of sessions are random unless somebody chose one; tools connect many times at once. */
const passwordLimits = { perUserAndAddress: 30, perAddress: 300, windowMs: 60_000 };
/** The life of a sign-in by key or browser as such; sessions have ends of their own. */
const signInLifeMs = 86_400_000;

type KeyAttempt = Extract<SshAttempt, { method: 'publickey' }>;
/** How somebody came in, for the audit log. */
type By = 'ssh-certificate' | 'ssh-key' | 'ssh-browser' | 'session-password';

/**
 * Who may come in by SSH: by a certificate of the CA for users, a registered key, a confirmation in the browser, or the password of a session of `weir connect`. What a
 * client hears depends on what it shows, and not on which users and connections there are.
 */
export function createSshAuthenticator(parts: SshAuthenticatorParts): SshAuthenticator {
  const keyThrottle = createLoginThrottle(parts.now, keyLimits);
  const passwordThrottle = createLoginThrottle(parts.now, passwordLimits);
  const browserThrottle = createLoginThrottle(parts.now);
  return {
    hostKeys: parts.hostKeys,
    authenticate: async (visitor, attempt) => {
      const sign = createSigning(parts, visitor);
      if (attempt.method === 'none') return { kind: 'refused', methods: sign.methods };
      if (visitor.session === null && visitor.connection === null && attempt.method !== 'password') {
        return {
          kind: 'rejected',
          code: 'invalid_request',
          message: 'Name the connection: ssh USER+CONNECTION@HOST, as weir ls shows it.',
        };
      }
      try {
        switch (attempt.method) {
          case 'publickey':
            return await byKey(parts, sign, attempt, keyThrottle);
          case 'password':
            return await byPassword(parts, sign, attempt.password, passwordThrottle);
          case 'keyboard-interactive':
            return await byBrowser(parts, sign, browserThrottle);
        }
      } catch (error) {
        if (!isWeirError(error) || error.code !== 'too_many_attempts') throw error;
        await sign.note('login-failed', { code: error.code, why: error.why });
        return { kind: 'rejected', code: error.code, message: `${error.message} ${error.fix}` };
      }
    },
  };
}

/** What all ways have in common: the visitor, the log, the answers. */
interface Signing {
  readonly visitor: SshVisitor;
  readonly methods: readonly SshMethod[];
  note(action: string, detail: object): Promise<void>;
  /** The reason stays here. */
  refuse(by: By, why: string): Promise<SshAnswer>;
  accept(caller: Caller, by: By, detail?: object): Promise<SshAnswer>;
}

function createSigning(parts: SshAuthenticatorParts, visitor: SshVisitor): Signing {
  const { session, connection, clientAddress: address, clientVersion } = visitor;
  // A login of `weir connect` has a tilde; names of accounts have none.
  const isLogin = session !== null || visitor.user.includes('~');
  const methods: readonly SshMethod[] = isLogin ? ['publickey', 'password'] : ['publickey', 'keyboard-interactive'];
  const user = visitor.user.slice(0, 200);
  const note = (action: string, detail: object) => {
    const about = { address, connection, client: clientVersion.slice(0, 200) };
    return parts.audit.append({ actor: user, action, subject: user, detail: { ...about, ...detail } });
  };
  return {
    ...{ visitor, methods, note },
    refuse: async (by, why) => {
      await note('login-failed', { code: 'wrong_password', by: [by], why });
      return { kind: 'refused', methods, code: 'wrong_password', reason: why };
    },
    accept: async (caller, by, detail = {}) => {
      if (session !== null && !isOwnerOf(session, caller)) {
        await note('login-failed', { code: 'wrong_password', by: [by], why: 'the session is of somebody else' });
        return { kind: 'refused', methods, code: 'wrong_password', reason: 'the session is of somebody else' };
      }
      const change = { before: null, after: { signIn: 'active', by: [by] } };
      await parts.audit.append({
        ...{ actor: caller.name, action: 'ssh-signed-in', subject: caller.name },
        detail: { address, connection, client: clientVersion.slice(0, 200), ...detail, ...change },
      });
      const open = async (): Promise<LiveSession> => {
        if (session !== null) return session;
        if (connection === null) throw new WeirError('invalid_request', 'The user name holds no connection.');
        return parts.openNative(caller, connection, address);
      };
      return { kind: 'accepted', user: caller.name, open };
    },
  };
}

function isOwnerOf({ principal }: LiveSession, caller: Caller): boolean {
  return principal.id === caller.id && principal.actingFor?.id === caller.actingFor?.id;
}

async function byKey(
  parts: SshAuthenticatorParts,
  sign: Signing,
  attempt: KeyAttempt,
  throttle: LoginThrottle,
): Promise<SshAnswer> {
  const { visitor, methods } = sign;
  const { clientAddress: address } = visitor;
  const isQuestion = attempt.proof === undefined;
  const by: By = attempt.algorithm.includes('-cert-') ? 'ssh-certificate' : 'ssh-key';
  if (!isQuestion) throttle.attempt(visitor.user, address);
  // A question is answered by what everybody can know: about the certificate itself, and whether anybody has registered the key.
  const no = (why: string) => (isQuestion ? ({ kind: 'refused', methods } as const) : sign.refuse(by, why));
  const offered = readOfferedKey(attempt);
  if ('why' in offered) return no(offered.why);
  const standing =
    offered.certificate === undefined ? await findKey(parts, offered) : standingOf(parts, offered, visitor);
  if ('why' in standing) return no(standing.why);
  if (isQuestion) return { kind: 'sign' };
  const facts = checkProof(offered, attempt);
  if ('why' in facts) return no(facts.why);
  const found = await standing.callerOf(facts, visitor);
  if ('why' in found) return no(found.why);
  throttle.succeeded(visitor.user, address);
  return sign.accept(found, by, { fingerprint: fingerprintOf(offered.key), ...standing.detail });
}

/** A key or certificate that could sign in, if its holder proves that he holds it. */
interface Standing {
  readonly detail: object;
  callerOf(facts: SignatureFacts, visitor: SshVisitor): Promise<Caller | { readonly why: string }>;
}

function standingOf(
  { authorities, certificates, now }: SshAuthenticatorParts,
  { certificate }: OfferedKey,
  visitor: SshVisitor,
): Standing | { readonly why: string } {
  if (certificate === undefined) return { why: 'it is no certificate' };
  const { user: principal, session, clientAddress: address } = visitor;
  const verdict = checkCertificate(certificate, {
    ...{ kind: 'user', authorities: authorities.trusted('users'), nowMs: now(), address },
    // A stream's user name says nothing; its owner is compared afterwards.
    principal: session === null ? principal : (certificate.principals[0] ?? ''),
  });
  if (!verdict.isValid) return { why: verdict.why };
  if (verdict.forceCommand !== undefined) return { why: 'it is for one command, which is not supported' };
  return {
    detail: { serial: String(certificate.serial) },
    callerOf: async ({ securityKey }) => {
      if (verdict.isVerifyRequired && securityKey?.isVerified !== true) {
        return { why: 'the security key did not ask for a PIN or finger' };
      }
      return certificates.callerOf(certificate, address);
    },
  };
}

async function findKey(
  parts: SshAuthenticatorParts,
  { key }: OfferedKey,
): Promise<Standing | { readonly why: string }> {
  const row = await parts.keys.findByFingerprint(fingerprintOf(key));
  if (row === undefined) return { why: 'nobody has registered the key' };
  return {
    detail: { key: row.id },
    callerOf: async ({ securityKey }, { user: name, session, clientAddress: address }) => {
      const user = await parts.users.findById(row.user_id);
      const isNamed = session !== null || user?.name === name;
      if (user === undefined || user.disabled || !isNamed)
        return { why: 'the key is of another account, or that is disabled' };
      try {
        requireKeyAccount(user, parts.local);
      } catch (error) {
        if (!isWeirError(error)) throw error;
        return { why: error.why ?? error.message };
      }
      const at = new Date(parts.now());
      if (!(await parts.keys.used(row.id, at, address, securityKey?.counter ?? 0))) {
        return { why: 'the key was removed, or its counter went back: a copy of it may be in use' };
      }
      await parts.users.signedIn(user.id, at);
      return callerFor(parts, user, address, keySignIn(row.id));
    },
  };
}

/** A person who signed in at this moment, without a second factor. */
function callerFor(parts: SshAuthenticatorParts, user: UserRow, address: string, tokenId: string): Caller {
  const now = parts.now();
  return {
    ...{ id: user.id, name: user.name, kind: 'person', personId: user.person_id, groups: user.groups },
    ...{ roles: parts.rolesOf(user), authTimeMs: now, mfaAtMs: null, tokenId },
    ...{ expiresAt: new Date(now + signInLifeMs), clientAddress: address },
  };
}

async function byPassword(
  parts: SshAuthenticatorParts,
  sign: Signing,
  password: string,
  throttle: LoginThrottle,
): Promise<SshAnswer> {
  const { user, session, connection, clientAddress: address } = sign.visitor;
  throttle.attempt(user, address);
  const found = session ?? parts.findByLogin(user);
  const isRight = await isSessionPassword(found?.verifier, password);
  if (found === null || !isRight || found.target.protocol !== 'ssh')
    return sign.refuse('session-password', 'it is no password of a session');
  if (connection !== null && connection !== found.connection.name) {
    return sign.refuse('session-password', 'the session is for another connection');
  }
  throttle.succeeded(user, address);
  const { principal } = found;
  const detail = { address, connection: found.connection.name, before: null, after: { by: ['session-password'] } };
  await parts.audit.append({ actor: principal.name, action: 'ssh-signed-in', subject: found.id, detail });
  return { kind: 'accepted', user: principal.name, isShared: true, open: async () => found };
}

async function byBrowser(parts: SshAuthenticatorParts, sign: Signing, throttle: LoginThrottle): Promise<SshAnswer> {
  const { visitor } = sign;
  const { user, connection, clientAddress, clientVersion, gone } = visitor;
  if (visitor.session !== null || connection === null) return sign.refuse('ssh-browser', 'a session has its password');
  throttle.attempt(user, clientAddress);
  const begun = parts.confirmations.begin({ user, connection, clientAddress, clientVersion }, gone);
  if (begun === undefined) return sign.refuse('ssh-browser', 'too many clients wait for a browser');
  const { confirmation, outcome } = begun;
  const instruction = [
    'Open this page in your browser within two minutes, sign in and compare the code:',
    '',
    `  ${parts.issuer()}/ssh/sign-in/${confirmation.id}`,
    `  code ${confirmation.code}`,
    '',
    'Waiting ...',
  ].join('\n');
  return {
    kind: 'ask',
    // Without prompts the client shows the text and answers at once; then it waits for us.
    question: { name: 'Weir', instruction, prompts: [] },
    respond: async () => {
      const ended = await outcome;
      if (ended.kind === 'denied') {
        await sign.note('login-failed', {
          code: 'not_permitted',
          by: ['ssh-browser'],
          why: 'it was denied in the browser',
        });
        return { kind: 'rejected', code: 'not_permitted', message: 'The sign-in was denied in the browser.' };
      }
      if (ended.kind === 'outdated') return sign.refuse('ssh-browser', 'nobody confirmed it in time');
      throttle.succeeded(user, clientAddress);
      const { caller } = ended;
      const tokenId = browserSignIn(caller.tokenId);
      return sign.accept({ ...caller, tokenId, clientAddress }, 'ssh-browser', { mfaAt: caller.mfaAtMs });
    },
  };
}
