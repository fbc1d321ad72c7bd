/** Bytes by which all channels of a lane together may grow their windows. */
export interface GrowthBudget {
  remaining: number;
}

/** Largest window of one channel, bytes. */
export const maxWindowBytes = 8 * 1024 * 1024;
/** Credit is granted back in steps of at most this many bytes, so that a large window does not arrive in lumps. */
const maxGrantStep = 512 * 1024;

/** The receiving half of one channel's flow control: how much the peer may still send, and when it may send more. */
export class ReceiveWindow {
  private size: number;
  private readonly initialSize: number;
  private readonly budget: GrowthBudget;
  /** Granted to the peer and not yet received. */
  private outstanding: number;
  /** Received and not yet consumed. */
  private held = 0;
  /** Consumed and not yet granted back. */
  private owed = 0;

  constructor(initialSize: number, budget: GrowthBudget) {
    this.initialSize = initialSize;
    this.size = initialSize;
    this.outstanding = initialSize;
    this.budget = budget;
  }

  /** Bytes received and not consumed; never more than the window's size. */
  get heldBytes(): number {
    return this.held;
  }

  /** Counts received data. @returns false when the peer has sent more than it was granted. */
  received(bytes: number): boolean {
    if (bytes > this.outstanding) return false;
    this.outstanding -= bytes;
    this.held += bytes;
    return true;
  }

  /** Counts consumed data. @returns bytes to grant now; 0 = later. */
  consumed(bytes: number): number {
    this.held -= bytes;
    this.owed += bytes;
    return this.owed >= Math.min(this.size / 2, maxGrantStep) ? this.grant(0) : 0;
  }

  /** The peer has data and no credit. When the reader keeps up, the path is longer than the window: it doubles. @returns bytes to grant now. */
  peerBlocked(): number {
    if (this.held >= this.size / 2) return 0;
    const growth = Math.max(0, Math.min(this.size, maxWindowBytes - this.size, this.budget.remaining));
    this.size += growth;
    this.budget.remaining -= growth;
    return this.grant(growth);
  }

  /** Returns what it took from the lane's budget. */
  release(): void {
    this.budget.remaining += this.size - this.initialSize;
    this.size = this.initialSize;
  }

  private grant(extra: number): number {
    const bytes = this.owed + extra;
    this.owed = 0;
    this.outstanding += bytes;
    return bytes;
  }
}
