import type { RecordingAnchor } from '@weir/recording';

/** Keeps anchors outside of the recordings' folder, durably: `upsert` resolves when a crash cannot lose it. */
export interface AnchorStore {
  /** Inserts or replaces the anchor of `anchor.session`. A sealed anchor is never replaced by an unsealed one. */
  upsert(anchor: RecordingAnchor): Promise<void>;
  /** All anchors. */
  list(): Promise<readonly RecordingAnchor[]>;
  get(session: string): Promise<RecordingAnchor | null>;
}

/** Anchors in memory, for tests. */
export function createMemoryAnchorStore(): AnchorStore {
  const anchors = new Map<string, RecordingAnchor>();
  return {
    async upsert(anchor) {
      if (anchors.get(anchor.session)?.sealed === true && !anchor.sealed) return;
      anchors.set(anchor.session, anchor);
    },
    async list() {
      return [...anchors.values()];
    },
    async get(session) {
      return anchors.get(session) ?? null;
    },
  };
}
