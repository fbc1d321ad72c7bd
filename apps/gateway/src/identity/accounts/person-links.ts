import { WeirError } from '@weir/errors';
import type { UserRepository } from '../../store/users.ts';
import type { AccountChange } from './account-changes.ts';
import { accountOf, type Changer, refuseSelf } from './whose-account.ts';

/** Makes the persons behind two accounts one. Accounts that were linked to either come along. */
export async function linkAccounts(
  users: UserRepository,
  name: string,
  other: string,
  by: Changer,
): Promise<AccountChange | undefined> {
  const [account, target] = [await accountOf(users, name), await accountOf(users, other)];
  for (const user of [account, target]) {
    refuseSelf(user, by, 'links his own accounts');
    if (user.kind === 'person') continue;
    throw new WeirError('invalid_request', `${user.name} is no person.`, {
      why: 'A service has a person who answers for it.',
      fix: `Run: weir service-accounts set ${user.name} --owner NAME`,
    });
  }
  if (account.id === target.id) throw new WeirError('invalid_request', 'An account cannot be linked to itself.');
  if (account.person_id === target.person_id) return undefined;
  const [mine, theirs] = [await users.listByPerson(account.person_id), await users.listByPerson(target.person_id)];
  const namesOf = (rows: readonly { readonly name: string }[]) => rows.map((row) => row.name);
  return {
    ...{ by: by.name, action: 'accounts-linked', subject: name },
    detail: { before: [namesOf(mine), namesOf(theirs)], after: namesOf([...mine, ...theirs]) },
    affected: [...mine, ...theirs],
    imagine: (user) => user,
    apply: () => users.setPerson(idsOf(mine), target.person_id),
  };
}

/** Makes the account a person of its own; the others stay linked to each other. */
export async function unlinkAccount(
  users: UserRepository,
  name: string,
  by: Changer,
): Promise<AccountChange | undefined> {
  const account = await accountOf(users, name);
  refuseSelf(account, by, 'unlinks his own accounts');
  const linked = await users.listByPerson(account.person_id);
  const others = linked.filter(({ id }) => id !== account.id);
  const [first] = others;
  if (first === undefined) return undefined;
  return {
    ...{ by: by.name, action: 'account-unlinked', subject: name },
    detail: { before: linked.map((row) => row.name), after: others.map((row) => row.name) },
    affected: linked,
    imagine: (user) => user,
    apply: async () => {
      // The id of the one who leaves must not stay the name of those who remain.
      await users.setPerson(idsOf(others), first.id);
      await users.setPerson([account.id], account.id);
    },
  };
}

function idsOf(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id);
}
