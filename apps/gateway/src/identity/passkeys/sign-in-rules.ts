import { WeirError } from '@weir/errors';
import type { UserRow } from '../../store/users.ts';
import type { LocalAccounts } from '../local-accounts.ts';

/**
 * A passkey alone signs in to local accounts only. Accounts of an identity provider or a directory sign in there, so that the provider's word on them
 * is heard; for them a passkey is the second factor. @throws WeirError sign_in_required.
 */
export function requireOwnAccount(user: UserRow, local: LocalAccounts): void {
  const fix = 'Sign in through your identity provider.';
  if (user.source !== 'local') {
    throw new WeirError('sign_in_required', 'This account does not sign in by a passkey alone.', {
      why: `It comes from ${user.source === 'scim' ? 'a directory' : user.source}; its passkey is a second factor.`,
      fix,
    });
  }
  if (local.admits(user)) return;
  throw new WeirError('sign_in_required', 'The passkey was not accepted.', {
    why: 'Local accounts are switched off here.',
    fix,
  });
}
