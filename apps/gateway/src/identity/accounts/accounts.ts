import { randomUUID } from 'node:crypto';
import type { ChangePasswordRequest, PutUserRequest, User } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { UserChange, UserRow } from '../../store/users.ts';
import type { Caller } from '../caller.ts';
import { effectiveRoles } from '../effective-roles.ts';
import type { LoginThrottle } from '../login-throttle.ts';
import type { PasswordChecker } from '../passwords.ts';
import { type AccountChanges, type ChangeParts, createAccountChanges } from './account-changes.ts';
import { differenceOf, viewOf } from './account-view.ts';
import { checkPassword } from './password-rules.ts';
import { linkAccounts, unlinkAccount } from './person-links.ts';
import { accountOf, type Changer, refuseSelf } from './whose-account.ts';

/** A new account. */
export interface NewUser {
  readonly name: string;
  readonly password: string;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
}

/** People's accounts, as administrators and the people themselves see and change them. */
export interface Accounts {
  list(): Promise<User[]>;
  /** @throws WeirError not_found. */
  show(name: string): Promise<User>;
  /** Adds an account, or changes what is given. @throws WeirError invalid_request, not_permitted (own roles), conflict (last admin; with `only: add`, the name is taken), not_found (`only: change`). */
  put(name: string, request: PutUserRequest, by: Changer): Promise<User>;
  /** Deletes an account and ends what it has open. @throws WeirError not_found, not_permitted (own account), conflict (last admin). */
  delete(name: string, by: Changer): Promise<void>;
  /** Says that two accounts belong to one human. @throws WeirError not_found, not_permitted (own accounts). */
  link(name: string, other: string, by: Changer): Promise<User>;
  unlink(name: string, by: Changer): Promise<User>;
  /** A person's own new password; ends what the old one opened. @throws WeirError wrong_password, too_many_attempts, invalid_request. */
  changePassword(caller: Caller, request: ChangePasswordRequest): Promise<void>;
  /** Adds an account at start if its name is free. */
  ensure(user: NewUser): Promise<void>;
  readonly changes: AccountChanges;
}

/** What accounts stand on. */
export interface AccountParts extends ChangeParts {
  readonly passwords: PasswordChecker;
  readonly throttle: LoginThrottle;
}

/** Makes the use-cases. */
export function createAccounts(parts: AccountParts): Accounts {
  const { users, roleGroups } = parts;
  const changes = createAccountChanges(parts);
  const show = async (name: string): Promise<User> => {
    const user = await accountOf(users, name);
    const others = (await users.listByPerson(user.person_id)).filter(({ id }) => id !== user.id);
    return viewOf(
      user,
      roleGroups,
      others.map((other) => other.name),
    );
  };
  return {
    list: async () => {
      const all = await users.list();
      const byPerson = Map.groupBy(all, (user) => user.person_id);
      return all.map((user) => {
        const others = (byPerson.get(user.person_id) ?? []).filter(({ id }) => id !== user.id);
        return viewOf(
          user,
          roleGroups,
          others.map(({ name }) => name),
        );
      });
    },
    show,
    put: async (name, request, by) => {
      await changes.perform(() => prepareChange(parts, name, request, by));
      return show(name);
    },
    delete: (name, by) =>
      changes.perform(async () => {
        const user = await accountOf(users, name);
        refuseSelf(user, by, 'deletes his own account');
        const { groups, roles } = viewOf(user, roleGroups, []);
        return {
          ...{ by: by.name, action: 'user-deleted', subject: name, detail: { before: { groups, roles }, after: null } },
          affected: [user],
          imagine: () => undefined,
          apply: () => users.delete(user.id),
        };
      }),
    link: async (name, other, by) => {
      await changes.perform(() => linkAccounts(users, name, other, by));
      return show(name);
    },
    unlink: async (name, by) => {
      await changes.perform(() => unlinkAccount(users, name, by));
      return show(name);
    },
    changePassword: (caller, request) => changePassword(parts, changes, caller, request),
    ensure: async (user) => {
      if ((await users.findByName(user.name)) !== undefined) return;
      const hash = await parts.passwords.hash(user.password);
      await changes.perform(async () => prepareAddition(parts, user, hash, { by: 'bootstrap' }));
    },
    changes,
  };
}

async function prepareChange(parts: AccountParts, name: string, request: PutUserRequest, by: Changer) {
  const { users, roleGroups, passwords } = parts;
  const { password, groups, roles, disabled, displayName, email, emergency } = request;
  const known = await users.findByName(name);
  if (request.only === 'change' && known === undefined) await accountOf(users, name);
  if (request.only === 'add' && known !== undefined) {
    throw new WeirError('conflict', `There is a user ${name} already.`, { fix: `Change it: weir users set ${name}` });
  }
  if (known !== undefined && known.kind !== 'person') {
    throw new WeirError('invalid_request', `${name} is no person.`, {
      why: 'Services and AI agents have no passwords, and no roles but those of a trust rule.',
      fix: `Run: weir service-accounts set ${name}`,
    });
  }
  if (password !== undefined)
    checkPassword(password, [name, known?.display_name ?? '', by.name === name ? '' : by.name]);
  const hash = password === undefined ? undefined : await passwords.hash(password);
  if (known === undefined) {
    if (hash === undefined) {
      throw new WeirError('invalid_request', `There is no user ${name}, and a new one needs a password.`, {
        fix: 'Send `password`, at least 12 characters.',
      });
    }
    return prepareAddition(parts, { name, groups: groups ?? [], roles: roles ?? [] }, hash, {
      by: by.name,
      ...(displayName === undefined ? {} : { display_name: displayName }),
      ...(email === undefined ? {} : { email }),
      ...(disabled === undefined ? {} : { disabled }),
      ...(emergency === undefined ? {} : { emergency }),
    });
  }
  if (emergency === true && known.source !== 'local') {
    throw new WeirError('invalid_request', `${name} is no local account.`, {
      why: `It was made by ${known.source}. Emergencies need accounts that nobody else can switch off.`,
      fix: 'Add one: weir users add NAME --emergency',
    });
  }
  if (disabled === false && known.disabled && known.directory_profile?.['active'] === false) {
    throw new WeirError('conflict', `${name} is switched off by the directory.`, {
      why: 'The directory says that this account is not active.',
      fix: 'Activate the person there.',
    });
  }
  const change: UserChange = {
    ...(hash === undefined ? {} : { password_hash: hash }),
    ...(groups === undefined ? {} : { groups: [...new Set(groups)] }),
    ...(roles === undefined ? {} : { roles: [...new Set(roles)] }),
    ...(disabled === undefined ? {} : { disabled }),
    ...(emergency === undefined ? {} : { emergency }),
    ...(displayName === undefined ? {} : { display_name: displayName }),
    // An address that somebody typed is not verified.
    ...(email === undefined || email === known.email ? {} : { email, email_verified: false }),
  };
  if (Object.keys(change).length === 0) return undefined;
  const after = imagined(known, change);
  const [rolesNow, rolesThen] = [effectiveRoles(known, roleGroups), effectiveRoles(after, roleGroups)];
  if (rolesNow.join() !== rolesThen.join() || changed(known.roles, roles))
    refuseSelf(known, by, 'changes his own roles');
  if (disabled === true && !known.disabled) refuseSelf(known, by, 'disables his own account');
  const [viewBefore, viewAfter] = [viewOf(known, roleGroups, []), viewOf(after, roleGroups, [])];
  return {
    ...{ by: by.name, action: 'user-changed', subject: name },
    detail: { ...differenceOf(viewBefore, viewAfter), passwordChanged: hash !== undefined },
    affected: [known],
    imagine: () => after,
    apply: async () => void (await users.update(name, change)),
    endsTokens: hash !== undefined,
  };
}

function changed(before: readonly string[], after: readonly string[] | undefined): boolean {
  return after !== undefined && [...new Set(after)].sort().join() !== [...before].sort().join();
}

/** The account as it would be; groups of other sources stay. */
function imagined(user: UserRow, { groups, ...change }: UserChange): UserRow {
  const own = groups ?? user.own_groups;
  const ofOthers = user.groups.filter((group) => !user.own_groups.includes(group));
  return {
    ...user,
    ...(change as Partial<UserRow>),
    own_groups: own,
    groups: [...new Set([...own, ...ofOthers])].sort(),
  };
}

function prepareAddition(
  { users }: AccountParts,
  user: Omit<NewUser, 'password'>,
  hash: string,
  {
    by,
    ...more
  }: {
    readonly by: string;
    display_name?: string | null;
    email?: string | null;
    disabled?: boolean;
    emergency?: boolean;
  },
) {
  const row = {
    id: randomUUID(),
    name: user.name,
    password_hash: hash,
    groups: [...user.groups],
    roles: [...user.roles],
  };
  return {
    ...{ by, action: 'user-added', subject: user.name, affected: [] },
    detail: { before: null, after: { groups: row.groups, roles: row.roles, ...more } },
    imagine: () => undefined,
    apply: async () => {
      if (await users.insert({ ...row, ...more })) return;
      throw new WeirError('conflict', `The name ${user.name} is taken.`);
    },
  };
}

async function changePassword(
  { users, passwords, throttle, audit }: AccountParts,
  changes: AccountChanges,
  caller: Caller,
  { current, password }: ChangePasswordRequest,
): Promise<void> {
  const address = caller.clientAddress ?? 'unknown';
  throttle.attempt(caller.name, address);
  const user = await users.findById(caller.id);
  if (!(await passwords.check(user?.password_hash, current)) || user === undefined) {
    const detail = { address, code: 'wrong_password' };
    await audit.append({ actor: caller.name, action: 'password-change-refused', subject: caller.name, detail });
    throw new WeirError('wrong_password', 'The current password is wrong.', {
      fix: 'Give the password that you sign in with.',
    });
  }
  throttle.succeeded(caller.name, address);
  checkPassword(password, [user.name, user.display_name ?? '']);
  if (password === current) throw new WeirError('invalid_request', 'This is the password that you have already.');
  const hash = await passwords.hash(password);
  await changes.perform(async () => ({
    ...{ by: caller.name, action: 'password-changed', subject: caller.name },
    detail: { address, before: { password: 'set' }, after: { password: 'replaced' } },
    affected: [user],
    imagine: (account: UserRow) => account,
    apply: async () => void (await users.update(user.name, { password_hash: hash })),
    endsTokens: true,
  }));
}
