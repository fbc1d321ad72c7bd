import { WeirError } from '@weir/errors';
import type { UserRepository, UserRow } from '../../store/users.ts';
import type { Caller } from '../caller.ts';

/** Who asks for a change. */
export type Changer = Pick<Caller, 'id' | 'name' | 'personId'>;

/** The account of a name. @throws WeirError not_found. */
export async function accountOf(users: Pick<UserRepository, 'findByName'>, name: string): Promise<UserRow> {
  const user = await users.findByName(name);
  if (user !== undefined) return user;
  throw new WeirError('not_found', `There is no user ${name}.`, { fix: 'Run: weir users ls' });
}

/** Refuses what nobody does to himself, under any of his names. `what` ends the sentence "Nobody …". @throws WeirError not_permitted. */
export function refuseSelf(user: Pick<UserRow, 'id' | 'name' | 'person_id'>, by: Changer, what: string): void {
  if (user.id !== by.id && user.person_id !== by.personId) return;
  throw new WeirError('not_permitted', `Nobody ${what}.`, {
    why: user.id === by.id ? 'This is your account.' : `${user.name} is linked to your account.`,
    fix: 'Ask another administrator.',
  });
}
