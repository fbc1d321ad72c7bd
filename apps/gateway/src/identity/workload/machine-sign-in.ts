import { createHash, randomBytes } from 'node:crypto';
import { type PolicyDocument, tryDuration } from '@weir/policy';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { MachineRepository, NewMachineSignIn } from '../../store/machines.ts';
import type { UserRepository, UserRow } from '../../store/users.ts';
import type { AccountChanges } from '../accounts/account-changes.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { hashOfKey } from './key-text.ts';
import { ownerProblem, ruleHash } from './machine-standing.ts';
import { nameableClaims } from './nameable-claims.ts';
import { bringAccount } from './rule-account.ts';
import { clockSkewSeconds, TokenProblem, type VerifiedToken, verifyToken } from './verify-token.ts';

/** What a machine shows to sign in. */
export interface MachineProof {
  /** `token`: of its platform; `key`: of a service account. */
  readonly by: 'token' | 'key';
  readonly secret: string;
  /** The trust rule that it means. */
  readonly rule: string | undefined;
  /** Name of the person for whom it wants to act. */
  readonly actingFor: string | undefined;
  readonly clientId: string;
  readonly address: string;
}

/** A sign-in that was made. */
export interface MachineTicket {
  readonly grantId: string;
  readonly userId: string;
  readonly lifeSeconds: number;
}

/** What signing in stands on. */
export interface MachineSignInParts {
  readonly users: UserRepository;
  readonly machines: MachineRepository;
  readonly changes: AccountChanges;
  readonly keys: IssuerKeys;
  readonly documents: () => readonly PolicyDocument[];
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Longest sign-in by a key, ms; the key is then shown again. */
const keySignInMs = 3_600_000;

type Admitted = Pick<NewMachineSignIn, 'keyId' | 'trustRule' | 'trustHash'> & {
  readonly user: UserRow;
  readonly lifeMs: number;
  readonly detail: Readonly<Record<string, unknown>>;
};

/** Signs a machine in; each attempt is in the audit log. @throws TokenProblem, whose reason is for the log alone. */
export async function signMachineIn(parts: MachineSignInParts, proof: MachineProof): Promise<MachineTicket> {
  try {
    return await signIn(parts, proof);
  } catch (error) {
    if (!(error instanceof TokenProblem)) throw error;
    const { why, claims } = error;
    const detail = { address: proof.address, by: proof.by, why, ...(claims && { claims: nameableClaims(claims) }) };
    // The name that a token gives itself is worth nothing until it is verified.
    await parts.audit.append({ actor: 'unknown', action: 'machine-refused', subject: proof.rule ?? 'unknown', detail });
    throw error;
  }
}

async function signIn(parts: MachineSignInParts, proof: MachineProof): Promise<MachineTicket> {
  const { machines, audit, now } = parts;
  const admitted = proof.by === 'key' ? await admitKey(parts, proof) : await admitToken(parts, proof);
  const { user, lifeMs, detail, keyId, trustRule, trustHash } = admitted;
  if (user.disabled) throw new TokenProblem(`the account ${user.name} is disabled`);
  const delegation = proof.actingFor === undefined ? null : await delegationFor(parts, user, proof.actingFor);
  const endMs = Math.min(now() + lifeMs, delegation?.expires_at.getTime() ?? Number.POSITIVE_INFINITY);
  const behind = proof.actingFor === undefined ? {} : { actingFor: proof.actingFor };
  await audit.append({
    actor: user.name,
    action: 'login',
    subject: user.name,
    detail: { address: proof.address, ...detail, ...behind },
  });
  const signIn = {
    ...{ grantId: randomBytes(32).toString('base64url'), clientId: proof.clientId, user, keyId, trustRule, trustHash },
    ...{ at: new Date(now()), expiresAt: new Date(endMs), delegationId: delegation?.id ?? null },
  };
  if (!(await machines.insertSignIn(signIn))) throw new TokenProblem('the account or the key ended at that moment');
  if (keyId !== null) await machines.keyUsed(keyId, signIn.at, proof.address);
  return { grantId: signIn.grantId, userId: user.id, lifeSeconds: Math.max(1, Math.floor((endMs - now()) / 1000)) };
}

async function admitToken(parts: MachineSignInParts, { secret, rule: wanted }: MachineProof): Promise<Admitted> {
  const { machines, keys, documents, now } = parts;
  const { rule, claims } = await verifyToken(secret, wanted, { documents: documents(), keys, now });
  if (rule.spec.singleUse && !(await machines.useToken(...replayKey(secret, claims), new Date(now())))) {
    throw new TokenProblem('it was used before', claims);
  }
  const user = await bringAccount(parts, rule);
  // The rule may have changed since it was read.
  const present = documents().find(({ name }) => name === rule.name);
  if (present?.kind !== 'WorkloadTrust' || ruleHash(present) !== ruleHash(rule)) {
    throw new TokenProblem(`the rule ${rule.name} changed at that moment`, claims);
  }
  return {
    ...{ user, lifeMs: tryDuration(rule.spec.life) ?? 0, keyId: null, trustRule: rule.name, trustHash: ruleHash(rule) },
    detail: { by: `rule ${rule.name}`, claims: nameableClaims(claims) },
  };
}

/** A token is known by its id, or by all that is signed: a signature can be written in several ways. */
function replayKey(token: string, { iss, jti, exp }: VerifiedToken['claims']): [Buffer, Date] {
  const id = jti === undefined ? token.slice(0, token.lastIndexOf('.')) : JSON.stringify([iss, jti]);
  return [createHash('sha256').update(id).digest(), new Date((exp + 2 * clockSkewSeconds) * 1000)];
}

async function admitKey(parts: MachineSignInParts, { secret }: MachineProof): Promise<Admitted> {
  const { users, machines, now } = parts;
  const key = await machines.findKeyByHash(hashOfKey(secret));
  if (key === undefined) throw new TokenProblem('no service account has this key');
  if (key.revoked_at !== null) throw new TokenProblem(`the key ${key.id} was revoked`);
  const leftMs = key.expires_at.getTime() - now();
  if (leftMs <= 0) throw new TokenProblem(`the key ${key.id} has expired`);
  const user = await users.findById(key.user_id);
  if (user === undefined) throw new TokenProblem('the account is gone');
  const problem = await ownerProblem(parts, user.name);
  if (problem !== undefined) throw new TokenProblem(problem);
  return {
    ...{ user, lifeMs: Math.min(keySignInMs, leftMs), keyId: key.id, trustRule: null, trustHash: null },
    detail: { by: `key ${key.id}` },
  };
}

async function delegationFor({ users, machines, now }: MachineSignInParts, user: UserRow, name: string) {
  const person = await users.findByName(name);
  const all = await machines.delegationsOf(user.id, new Date(now()));
  const found = all.find(({ service_id, person_id }) => service_id === user.id && person_id === person?.id);
  if (found !== undefined && person?.disabled === false) return found;
  throw new TokenProblem(`${name.slice(0, 63)} does not let ${user.name} act for him`);
}
