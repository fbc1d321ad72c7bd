import { isWeirError } from '@weir/errors';
import pg from 'pg';
import { type Failure, FailureError } from '../terminal/failure.ts';

/** Exit statuses of SQLSTATEs that mean the same in Weir's catalogue, whoever sent them; everything else is the target's error, 8. */
const statuses: Readonly<Record<string, number>> = {
  '42501': 5,
  '57014': 3,
  '57P01': 5,
  '28P01': 4,
  '28000': 4,
  '08001': 7,
  '08006': 7,
  '58030': 7,
};

/** The request that a refused statement waits for, when it does. */
export function pendingRequestOf(error: {
  readonly code?: string | undefined;
  readonly message: string;
}): string | undefined {
  if (error.code !== '42501') return undefined;
  return /needs the approval of another person: request (req_[A-Za-z0-9_-]+)/.exec(error.message)?.[1];
}

/** What to throw for an error of node-postgres. `streamError` is what the way to the gateway failed with. */
export function sqlErrorOf(error: unknown, streamError: Error | undefined): unknown {
  if (error instanceof pg.DatabaseError) return new FailureError(failureOfServer(error), error);
  if (isWeirError(error)) return error;
  return streamError !== undefined && isWeirError(streamError) ? streamError : error;
}

function failureOfServer(error: pg.DatabaseError): Failure {
  const { message: what, detail, hint, position, code = 'XX000' } = error;
  const request = pendingRequestOf(error);
  const place = position === undefined ? undefined : `at character ${position}`;
  const why = [detail, place].filter((part) => part !== undefined && part !== '').join('; ');
  return {
    what,
    why: why === '' ? undefined : why,
    fix: hint,
    code: request === undefined ? code : 'approval_pending',
    status: request === undefined ? (statuses[code] ?? 8) : 6,
  };
}
