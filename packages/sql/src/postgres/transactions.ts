import type { Verb } from './statement-result.ts';

const commands: Readonly<Record<string, string>> = {
  TRANS_STMT_BEGIN: 'BEGIN',
  TRANS_STMT_START: 'START TRANSACTION',
  TRANS_STMT_COMMIT: 'COMMIT',
  TRANS_STMT_ROLLBACK: 'ROLLBACK',
  TRANS_STMT_SAVEPOINT: 'SAVEPOINT',
  TRANS_STMT_RELEASE: 'RELEASE',
  TRANS_STMT_ROLLBACK_TO: 'ROLLBACK TO',
  TRANS_STMT_PREPARE: 'PREPARE TRANSACTION',
  TRANS_STMT_COMMIT_PREPARED: 'COMMIT PREPARED',
  TRANS_STMT_ROLLBACK_PREPARED: 'ROLLBACK PREPARED',
};

/**
 * Transaction control. No change is reported: whoever keeps the session's objects undoes them, and asks for the environment and the catalog again
 * when a transaction that changed them ends.
 */
export function transaction(body: Record<string, unknown>): Verb {
  return { kind: 'transaction', command: commands[String(body['kind'])] ?? 'TRANSACTION', outputs: null };
}
