import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A group of the directory. */
export type DirectoryGroupRow = Selectable<StoreTables['directory_groups']>;
/** What can be changed of it. */
export type DirectoryGroupChange = Pick<DirectoryGroupRow, 'name' | 'display_name' | 'external_id'>;

/** Who is in which group of the directory. */
export interface Membership {
  readonly groupId: string;
  readonly groupName: string;
  readonly userId: string;
  readonly userName: string;
}

/** Groups that a directory provisions, and who is in them. */
export interface DirectoryRepository {
  /** Oldest first. */
  listGroups(): Promise<DirectoryGroupRow[]>;
  findGroup(id: string): Promise<DirectoryGroupRow | undefined>;
  findGroupByName(name: string): Promise<DirectoryGroupRow | undefined>;
  /** Memberships of these groups or users. */
  memberships(
    of: { readonly groups: readonly string[] } | { readonly users: readonly string[] },
  ): Promise<Membership[]>;
  insertGroup(group: DirectoryGroupChange & { readonly id: string }, members: readonly string[]): Promise<void>;
  updateGroup(
    id: string,
    change: DirectoryGroupChange,
    members: { readonly added: readonly string[]; readonly removed: readonly string[] },
  ): Promise<void>;
  deleteGroup(id: string): Promise<void>;
}

/** Makes the repository. */
export function createDirectoryRepository({ db }: Pick<Store, 'db'>): DirectoryRepository {
  const groups = () => db.selectFrom('directory_groups').selectAll();
  return {
    listGroups: () => groups().orderBy('created_at').orderBy('id').execute(),
    findGroup: (id) => groups().where('id', '=', id).executeTakeFirst(),
    findGroupByName: (name) => groups().where('name', '=', name).executeTakeFirst(),
    memberships: (of) =>
      db
        .selectFrom('directory_members as m')
        .innerJoin('directory_groups as g', 'g.id', 'm.group_id')
        .innerJoin('users as u', 'u.id', 'm.user_id')
        .select(['m.group_id as groupId', 'g.display_name as groupName', 'm.user_id as userId'])
        .select(sql<string>`coalesce(u.directory_name, u.name)`.as('userName'))
        .where(
          'groups' in of
            ? sql<boolean>`m.group_id = ANY(${[...of.groups]}::text[])`
            : sql<boolean>`m.user_id = ANY(${[...of.users]}::text[])`,
        )
        .orderBy('g.created_at')
        .orderBy('m.user_id')
        .execute(),
    insertGroup: async (group, members) => {
      await db.transaction().execute(async (tx) => {
        await tx.insertInto('directory_groups').values(group).execute();
        await addMembers(tx, group.id, members);
      });
    },
    updateGroup: async (id, change, { added, removed }) => {
      await db.transaction().execute(async (tx) => {
        const changed = { ...change, changed_at: new Date() };
        await tx.updateTable('directory_groups').set(changed).where('id', '=', id).execute();
        await tx
          .deleteFrom('directory_members')
          .where('group_id', '=', id)
          .where(sql<boolean>`user_id = ANY(${[...removed]}::text[])`)
          .execute();
        await addMembers(tx, id, added);
      });
    },
    deleteGroup: async (id) => {
      await db.deleteFrom('directory_groups').where('id', '=', id).execute();
    },
  };
}

async function addMembers(db: Store['db'], groupId: string, members: readonly string[]): Promise<void> {
  await sql`INSERT INTO directory_members (group_id, user_id) SELECT ${groupId}, unnest(${[...members]}::text[])
    ON CONFLICT DO NOTHING`.execute(db);
}
