export { type AnchorStore, createMemoryAnchorStore } from './anchor-store.ts';
export type { SyncFile } from './commit-loop.ts';
export { createJournal, type JournalOptions } from './journal.ts';
export { loadOrCreateRecordingKeys, type RecordingKeys } from './recording-keys.ts';
export type { RecordingLog } from './recording-log.ts';
export { verifyAll } from './verify-all.ts';
