import type { BudgetRule } from '@weir/policy';
import type { BudgetHolder, Ledger, LedgerAnswer, OpenLease } from './ledger.ts';

/** A grant with a lease of each account that it counts on; none when it was refused. */
export interface SharedAnswer {
  readonly grant: LedgerAnswer['grant'];
  readonly leases: readonly OpenLease[];
}

/** Asks for all accounts that a statement counts on: of who sends it, and of the person for whom he acts. The smallest share counts. */
export async function leaseOfAll(
  ledger: Pick<Ledger, 'lease' | 'settle'>,
  holders: readonly BudgetHolder[],
  rule: BudgetRule,
): Promise<SharedAnswer> {
  const leases: OpenLease[] = [];
  let grant: LedgerAnswer['grant'] | undefined;
  for (const holder of holders) {
    const answer = await ledger.lease(holder, rule);
    if (answer.lease === null) {
      // What the others gave is not used.
      await Promise.all(leases.map((lease) => ledger.settle(lease, { rows: 0, bytes: 0 })));
      return { grant: answer.grant, leases: [] };
    }
    leases.push(answer.lease);
    grant = grant === undefined ? answer.grant : smaller(grant, answer.grant);
  }
  if (grant === undefined) throw new RangeError('a budget counts on one account at least');
  return { grant, leases };
}

function smaller(left: LedgerAnswer['grant'], right: LedgerAnswer['grant']): LedgerAnswer['grant'] {
  const [rows, isLastOfRows] = smallerShare([left.rows, left.isLastOfRows], [right.rows, right.isLastOfRows]);
  const [bytes, isLastOfBytes] = smallerShare([left.bytes, left.isLastOfBytes], [right.bytes, right.isLastOfBytes]);
  const isOver = left.isOver || right.isOver;
  return { ...left, rows, isLastOfRows, bytes, isLastOfBytes, isOver };
}

type Share = readonly [amount: number | null, isLast: boolean];

/** Null is no bound. Of two equal ones, the last counts as the last. */
function smallerShare(left: Share, right: Share): Share {
  const [first, second] = [left[0] ?? Number.POSITIVE_INFINITY, right[0] ?? Number.POSITIVE_INFINITY];
  if (first === second) return [left[0], left[1] || right[1]];
  return first < second ? left : right;
}
