import type { CellMask } from '@weir/masking';
import { type Denial, denialOfVerdict } from '../order/denial.ts';
import type { AnswerMasks } from './answers.ts';
import type { GateContext } from './gate.ts';
import type { Ticket } from './ticket.ts';
import { createWriteBackGuard, type WatchedColumn, watchColumns, writeBackVerdict } from './write-back.ts';

/** Looks at values that COPY FROM STDIN brings. */
export interface CopyInWatch {
  /** By column: copies the cell, and looks at it; null = not looked at. */
  readonly masks: AnswerMasks;
  /** Why the COPY must end, once a mask was seen. */
  refusal(): Denial | null;
}

/** Watches a COPY FROM STDIN for masks of the columns that it fills; null = no column needs it, or their number is not as expected. */
export function watchCopyIn(
  context: GateContext,
  ticket: Ticket,
  index: number,
  columns: number,
  format: 0 | 1,
): CopyInWatch | null {
  const { evaluator, understood } = ticket;
  const listed = understood.statements[index]?.copy?.columns ?? null;
  if (!evaluator.hasMasks || listed === null || listed.length !== columns) return null;
  const watched = watchColumns(listed, understood, evaluator);
  if (watched.every((column) => column === null)) return null;
  const guard = createWriteBackGuard(context.delivered);
  let denial: Denial | null = null;
  const noted = new Set<WatchedColumn>();
  const found = (column: WatchedColumn) => {
    const { stance, rule } = evaluator.writeBackOf(column.column);
    if (stance === 'allow' || noted.has(column)) return;
    noted.add(column);
    const verdict = writeBackVerdict({ column: column.column, place: 'store', rule, stance });
    if (stance === 'deny') denial = denialOfVerdict(verdict, context.identity.sessionId);
    const prefix = stance === 'deny' ? '' : 'observe only: ';
    context.note(stance === 'deny' ? 'write-back' : 'write-back-observed', prefix + verdict.reason, ticket.number);
  };
  const looking = (column: WatchedColumn): CellMask => ({
    maxLength: (length) => length,
    write(source, start, end, target, offset) {
      if (denial === null && guard.isMask(column, evaluator, source.subarray(start, end), format)) found(column);
      return source.copy(target, offset, start, end);
    },
  });
  return { masks: watched.map((column) => (column === null ? null : looking(column))), refusal: () => denial };
}
