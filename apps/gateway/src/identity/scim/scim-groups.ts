import { randomUUID } from 'node:crypto';
import type { DirectoryGroupRow } from '../../store/directory.ts';
import type { UserRow } from '../../store/users.ts';
import { differenceOf } from '../accounts/account-view.ts';
import { groupName } from '../providers/groups-of-claim.ts';
import { groupKind } from './attributes.ts';
import { type GroupDocument, readGroup } from './group-document.ts';
import { filterOf, pageOf } from './list.ts';
import { patched } from './patch.ts';
import { type Resource, requireVersion, resourceOf } from './resource.ts';
import type { ScimChange, ScimParts, ScimResources } from './scim-parts.ts';
import { badRequest, ScimRefusal } from './scim-refusal.ts';

/** Members that an audit event names at most; their number is always there. */
const maxNamed = 50;

/** Groups as a directory provisions them; their members are accounts that it has made. */
export function createScimGroups(parts: ScimParts): ScimResources {
  const { directory, changes } = parts;
  const show = async (id: string): Promise<Resource> => {
    const [resource] = await shown(parts, [await rowOf(parts, id)]);
    return resource as Resource;
  };
  const change = async (id: string, { by, ifMatch }: ScimChange, next: (now: Resource) => GroupDocument) => {
    await changes.perform(async () => {
      const row = await rowOf(parts, id);
      const now = await show(id);
      requireVersion(ifMatch, now);
      return prepareChange(parts, { row, before: readGroup(now), after: next(now), by });
    });
    return show(id);
  };
  return {
    show,
    list: async (query) => {
      const filter = filterOf(query, groupKind);
      const { equals } = filter ?? {};
      // Members are read of those groups alone that can be meant.
      const rows = (await directory.listGroups()).filter((row) => equals === undefined || isMeant(row, equals));
      const matching = (await shown(parts, rows)).filter((resource) => filter?.matches(resource) ?? true);
      return pageOf(matching, query, groupKind);
    },
    create: async (body, { by }) => {
      const id = randomUUID();
      const group = readGroup(body);
      await changes.perform(async () => {
        const columns = await columnsOf(parts, group);
        const affected = await accountsOf(parts, group.members);
        return {
          ...{ by, action: 'group-added', subject: columns.name, affected },
          detail: { before: null, after: { ...columns, members: named(affected) } },
          imagine: (user: UserRow) => user,
          apply: () => directory.insertGroup({ id, ...columns }, group.members),
        };
      });
      return show(id);
    },
    replace: (id, body, by) => change(id, by, () => readGroup(body)),
    patch: (id, operations, by) => change(id, by, (now) => readGroup(patched(now, operations, groupKind))),
    remove: (id, { by, ifMatch }) =>
      changes.perform(async () => {
        const row = await rowOf(parts, id);
        const now = await show(id);
        requireVersion(ifMatch, now);
        const affected = await accountsOf(parts, readGroup(now).members);
        return {
          ...{ by, action: 'group-deleted', subject: row.name, affected },
          detail: { before: { displayName: row.display_name, members: named(affected) }, after: null },
          imagine: (user: UserRow) => without(user, row.name),
          apply: () => directory.deleteGroup(id),
        };
      }),
  };
}

async function prepareChange(
  parts: ScimParts,
  { row, before, after, by }: { row: DirectoryGroupRow; before: GroupDocument; after: GroupDocument; by: string },
) {
  const columns = await columnsOf(parts, after, row.id);
  const [had, has] = [new Set(before.members), new Set(after.members)];
  const added = after.members.filter((id) => !had.has(id));
  const removed = before.members.filter((id) => !has.has(id));
  const isRenamed = columns.name !== row.name;
  const isSame = columns.display_name === row.display_name && columns.external_id === row.external_id;
  if (isSame && !isRenamed && added.length === 0 && removed.length === 0) return undefined;
  const [joining, leaving] = [await accountsOf(parts, added), await accountsOf(parts, removed, 'leaving')];
  const staying = isRenamed
    ? await accountsOf(
        parts,
        after.members.filter((id) => had.has(id)),
      )
    : [];
  const { display_name, external_id } = row;
  return {
    ...{ by, action: 'group-changed', subject: row.name },
    detail: {
      ...differenceOf(
        { name: row.name, display_name, external_id, members: had.size },
        { ...columns, members: has.size },
      ),
      ...(added.length === 0 ? {} : { added: named(joining), addedCount: added.length }),
      ...(removed.length === 0 ? {} : { removed: named(leaving), removedCount: removed.length }),
    },
    affected: [...joining, ...leaving, ...staying],
    imagine: (user: UserRow) => {
      const old = removed.includes(user.id) || isRenamed ? without(user, row.name) : user;
      return has.has(user.id) ? { ...old, groups: [...new Set([...old.groups, columns.name])].sort() } : old;
    },
    apply: () => parts.directory.updateGroup(row.id, columns, { added, removed }),
  };
}

/** Can a comparison mean this group? Of attributes that are not looked at here, it can. */
function isMeant(row: DirectoryGroupRow, { name, value }: { readonly name: string; readonly value: string }): boolean {
  if (name === 'id') return row.id === value;
  if (name === 'externalId') return row.external_id === value;
  return name !== 'displayName' || row.display_name.toLowerCase() === value.toLowerCase();
}

/** The account without a group of the directory, unless it has the group by itself, too. */
function without(user: UserRow, group: string): UserRow {
  if (user.own_groups.includes(group)) return user;
  return { ...user, groups: user.groups.filter((name) => name !== group) };
}

function named(users: readonly UserRow[]): string[] {
  return users.slice(0, maxNamed).map(({ name }) => name);
}

async function rowOf({ directory }: ScimParts, id: string): Promise<DirectoryGroupRow> {
  const row = await directory.findGroup(id);
  if (row !== undefined) return row;
  throw new ScimRefusal(404, undefined, 'There is no such group.');
}

/** The accounts of members. Those who leave may be gone already. */
async function accountsOf({ users }: ScimParts, ids: readonly string[], how?: 'leaving'): Promise<UserRow[]> {
  const rows = (await users.listByIds(ids)).filter(({ source }) => source === 'scim');
  if (how === 'leaving' || rows.length === ids.length) return rows;
  const found = new Set(rows.map(({ id }) => id));
  const missing = ids.find((id) => !found.has(id)) ?? '';
  throw badRequest('invalidValue', `members: ${missing.slice(0, 100)} is no user of this directory.`);
}

/** A group's columns. Its name here is what policy reads, so it must be one and belong to no other group. */
async function columnsOf({ directory, groupNames }: ScimParts, group: GroupDocument, id?: string) {
  const name = groupName(group.displayName, groupNames);
  if (name === undefined) {
    throw badRequest(
      'invalidValue',
      `displayName: ${group.displayName} is no name of a group here (a-z, 0-9, dot, dash, underscore). Map it in identity.scim.groups.map.`,
    );
  }
  const same = await directory.findGroupByName(name);
  if (same !== undefined && same.id !== id)
    throw new ScimRefusal(409, 'uniqueness', `The group ${name} exists already.`);
  return { name, display_name: group.displayName, external_id: group.externalId ?? null };
}

async function shown({ directory, base }: ScimParts, rows: readonly DirectoryGroupRow[]): Promise<Resource[]> {
  const memberships = await directory.memberships({ groups: rows.map(({ id }) => id) });
  const byGroup = Map.groupBy(memberships, ({ groupId }) => groupId);
  return rows.map((row) =>
    resourceOf(groupKind, base(), row, {
      displayName: row.display_name,
      ...(row.external_id === null ? {} : { externalId: row.external_id }),
      members: (byGroup.get(row.id) ?? []).map(({ userId, userName }) => ({
        value: userId,
        $ref: `${base()}/Users/${userId}`,
        display: userName,
        type: 'User',
      })),
    }),
  );
}
