import { WeirError } from '@weir/errors';
import type { Kysely } from 'kysely';
import { type MigrationProvider, Migrator } from 'kysely/migration';
import { first } from './migrations/001-first.ts';
import { budgets } from './migrations/002-budgets.ts';
import { accounts } from './migrations/003-accounts.ts';
import { emergency } from './migrations/003-emergency.ts';
import { passkeyLocks } from './migrations/003-passkey-locks.ts';
import { upstream } from './migrations/004-upstream.ts';
import { localTokensEnd } from './migrations/005-local-tokens-end.ts';
import { oauth } from './migrations/005-oauth.ts';
import { actingFor } from './migrations/006-acting-for.ts';
import { machines } from './migrations/006-machines.ts';
import { jit } from './migrations/007-jit.ts';
import { jitEnding } from './migrations/007-jit-ending.ts';
import { approvals } from './migrations/008-approvals.ts';
import { decisions } from './migrations/008-decisions.ts';
import { agentLocks } from './migrations/009-agent-locks.ts';
import { agentPools } from './migrations/009-agent-pools.ts';
import { agentRecovery } from './migrations/009-agent-recovery.ts';
import { authorities } from './migrations/009-authorities.ts';
import { idempotency } from './migrations/010-idempotency.ts';
import { versions } from './migrations/010-versions.ts';
import { credentials } from './migrations/011-credentials.ts';
import { sshAuthorities } from './migrations/012-ssh-authorities.ts';
import { sshKeys } from './migrations/012-ssh-keys.ts';
import type { StoreTables } from './tables.ts';

const provider: MigrationProvider = {
  getMigrations: async () => ({
    '001-first': first,
    '002-budgets': budgets,
    '003-accounts': accounts,
    '003-emergency': emergency,
    '003-passkey-locks': passkeyLocks,
    '005-oauth': oauth,
    '004-upstream': upstream,
    '006-acting-for': actingFor,
    '006-machines': machines,
    '007-jit': jit,
    '007-jit-ending': jitEnding,
    '005-oauth-tokens-end': localTokensEnd,
    '008-approvals': approvals,
    '008-decisions': decisions,
    '009-agent-locks': agentLocks,
    '009-agent-recovery': agentRecovery,
    '010-idempotency': idempotency,
    '010-versions': versions,
    '009-authorities': authorities,
    '009-agent-pools': agentPools,
    '011-credentials': credentials,
    '012-ssh-authorities': sshAuthorities,
    '012-ssh-keys': sshKeys,
  }),
};

/** Brings the store to the newest version. Gateways that start together take turns: the migrator holds an advisory lock. @throws WeirError internal. */
export async function migrate(db: Kysely<StoreTables>): Promise<void> {
  const { error, results = [] } = await new Migrator({
    db,
    provider,
    allowUnorderedMigrations: true,
  }).migrateToLatest();
  if (error === undefined) return;
  const failed = results.find((result) => result.status === 'Error');
  throw new WeirError(
    'internal',
    `The store cannot be brought to this version${failed ? ` (${failed.migrationName})` : ''}.`,
    {
      why: error instanceof Error ? error.message : String(error),
      fix: 'If a newer gateway used this store, start that version; otherwise see the cause.',
      cause: error,
    },
  );
}
