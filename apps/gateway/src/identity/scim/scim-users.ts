import { randomUUID } from 'node:crypto';
import { WeirError } from '@weir/errors';
import type { UserChange, UserRow } from '../../store/users.ts';
import { differenceOf } from '../accounts/account-view.ts';
import { accountName, numberedName } from '../providers/account-name.ts';
import { type ScimDocument, userKind } from './attributes.ts';
import { filterOf, type ListQuery, pageOf } from './list.ts';
import { patched } from './patch.ts';
import { type Resource, requireVersion, resourceOf } from './resource.ts';
import type { ScimChange, ScimParts, ScimResources } from './scim-parts.ts';
import { ScimRefusal } from './scim-refusal.ts';
import { columnsOf, isDisabledHere, readUser, type UserDocument, userOf } from './user-document.ts';

/** Accounts that may share a beginning of their name. */
const maxNumber = 10_000;

/** Accounts as a directory provisions them. It sees and changes those alone that it has made; removing one deletes the account and ends what it has open. */
export function createScimUsers(parts: ScimParts): ScimResources {
  const { users, changes } = parts;
  const show = async (id: string): Promise<Resource> => {
    const [resource] = await shown(parts, [await rowOf(parts, id)]);
    return resource as Resource;
  };
  const change = async (id: string, { by, ifMatch }: ScimChange, next: (now: UserDocument) => UserDocument) => {
    await changes.perform(async () => {
      const row = await rowOf(parts, id);
      requireVersion(ifMatch, await show(id));
      const before = userOf(row);
      const after = next(before);
      if (JSON.stringify(columnsOf(before)) === JSON.stringify(columnsOf(after))) return undefined;
      await requireFree(parts, after, id);
      // What an administrator here has disabled stays so, whatever the directory says in between.
      const isHeld = before.active ? row.disabled : isDisabledHere(row);
      const disabled = !after.active || isHeld;
      const columns: UserChange = { ...columnsOf(after, isHeld && !after.active), disabled };
      return {
        ...{ by, action: 'user-changed', subject: row.name, affected: [row] },
        detail: differenceOf({ ...before, disabled: row.disabled }, { ...before, ...gone(before, after), disabled }),
        imagine: (account) => ({ ...account, disabled }),
        apply: async () => void (await users.update(row.name, columns)),
      };
    });
    return show(id);
  };
  return {
    show,
    list: async (query) => pageOf(await matching(parts, query), query, userKind),
    create: async (body, { by }) => {
      const id = randomUUID();
      const user = readUser(body, true);
      await changes.perform(async () => {
        await requireFree(parts, user);
        const name = await freeName(parts, user);
        const row = { ...columnsOf(user), id, name, password_hash: null, groups: [], roles: [] };
        return {
          ...{ by, action: 'user-added', subject: name, affected: [], imagine: () => undefined },
          detail: { before: null, after: { ...user, source: 'scim' } },
          apply: async () => {
            if (await users.insert({ ...row, source: 'scim', disabled: !user.active })) return;
            throw new WeirError('conflict', `The name ${name} is taken.`);
          },
        };
      });
      return show(id);
    },
    replace: (id, body, by) => change(id, by, ({ active }) => readUser(body, active)),
    patch: (id, operations, by) => change(id, by, (now) => readUser(patched(now, operations, userKind), now.active)),
    remove: (id, { by, ifMatch }) =>
      changes.perform(async () => {
        const row = await rowOf(parts, id);
        requireVersion(ifMatch, await show(id));
        return {
          ...{ by, action: 'user-deleted', subject: row.name, affected: [row], imagine: () => undefined },
          detail: { before: { ...userOf(row), groups: row.groups }, after: null },
          apply: () => users.delete(id),
        };
      }),
  };
}

/** All keys of both, so that what is gone shows in a difference. */
function gone(before: UserDocument, after: UserDocument): ScimDocument {
  return { ...Object.fromEntries(Object.keys(before).map((key) => [key, null])), ...after };
}

async function rowOf({ users }: ScimParts, id: string): Promise<UserRow> {
  const row = await users.findById(id);
  if (row?.source === 'scim') return row;
  throw new ScimRefusal(404, undefined, 'There is no such user.');
}

/** Names and ids of the directory are each for one account. */
async function requireFree({ users }: ScimParts, user: UserDocument, id?: string): Promise<void> {
  const sameName = await users.findByDirectoryName(user.userName);
  if (sameName !== undefined && sameName.id !== id)
    throw new ScimRefusal(409, 'uniqueness', `The userName ${user.userName} is taken.`);
  const sameId = user.externalId === undefined ? undefined : await users.findByExternalId(user.externalId);
  if (sameId !== undefined && sameId.id !== id)
    throw new ScimRefusal(409, 'uniqueness', `The externalId ${user.externalId} is taken.`);
}

/** A name that no account has: those of others are never taken over. */
async function freeName({ users }: ScimParts, { userName }: UserDocument): Promise<string> {
  const wanted = accountName(userName) ?? 'user';
  for (let number = 1; number <= maxNumber; number++) {
    const name = numberedName(wanted, number);
    if ((await users.findByName(name)) === undefined) return name;
  }
  throw new ScimRefusal(409, 'uniqueness', `Too many accounts are called ${wanted}.`);
}

/** Users that a query wants. What directories ask most is answered by an index. */
async function matching(parts: ScimParts, query: ListQuery): Promise<Resource[]> {
  const { users } = parts;
  const filter = filterOf(query, userKind);
  const lookups: Readonly<Record<string, (value: string) => Promise<UserRow | undefined>>> = {
    userName: (value) => users.findByDirectoryName(value),
    externalId: (value) => users.findByExternalId(value),
    id: (value) => users.findById(value),
  };
  const lookup = filter?.equals && lookups[filter.equals.name];
  const rows = lookup === undefined ? await users.listBySource('scim') : [await lookup(filter?.equals?.value ?? '')];
  const own = rows.filter((row) => row !== undefined).filter(({ source }) => source === 'scim');
  return (await shown(parts, own)).filter((resource) => filter?.matches(resource) ?? true);
}

async function shown({ directory, base }: ScimParts, rows: readonly UserRow[]): Promise<Resource[]> {
  const memberships = await directory.memberships({ users: rows.map(({ id }) => id) });
  const byUser = Map.groupBy(memberships, ({ userId }) => userId);
  return rows.map((row) => {
    const groups = (byUser.get(row.id) ?? []).map(({ groupId, groupName }) => ({
      value: groupId,
      $ref: `${base()}/Groups/${groupId}`,
      display: groupName,
    }));
    return resourceOf(userKind, base(), row, { ...userOf(row), ...(groups.length === 0 ? {} : { groups }) });
  });
}
