/** Smallest leases, so that small budgets are counted to the row. */
const minRows = 1_000;
const minBytes = 16 * 1024 * 1024;

/** How much of a bound is granted at once; null = no bound. */
export interface LeaseShare {
  readonly granted: number | null;
  /** Nothing is left behind it. */
  readonly isLast: boolean;
}

/**
 * A tenth of the bound, but not less than `smallest`; all that is left when that is less than two such shares. What a lease was not used for comes
 * back when it ends. A gateway or agent that dies loses one lease of each channel at most: it counts as used.
 */
function shareOf(max: number | null, used: number, smallest: number): LeaseShare {
  if (max === null) return { granted: null, isLast: true };
  const left = Math.max(0, max - used);
  const share = Math.max(smallest, Math.ceil(max / 10));
  return left <= 2 * share ? { granted: left, isLast: true } : { granted: share, isLast: false };
}

/** The shares of rows and bytes that one ask gets. */
export function leaseShares(state: {
  readonly maxRows: number | null;
  readonly maxBytes: number | null;
  readonly rowsUsed: number;
  readonly bytesUsed: number;
}): { readonly rows: LeaseShare; readonly bytes: LeaseShare } {
  return {
    rows: shareOf(state.maxRows, state.rowsUsed, minRows),
    bytes: shareOf(state.maxBytes, state.bytesUsed, minBytes),
  };
}
