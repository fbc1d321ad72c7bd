import type { AnchorStore } from '../recordings/index.ts';
import type { AnchorRepository } from './anchors.ts';

/** The store's anchors as the journal wants them. */
export function createAnchorStore(anchors: AnchorRepository): AnchorStore {
  return {
    upsert: async (anchor) => {
      await anchors.put(anchor);
    },
    list: () => anchors.list(),
    get: async (session) => (await anchors.find(session)) ?? null,
  };
}
