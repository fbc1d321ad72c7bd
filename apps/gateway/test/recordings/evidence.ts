import { createPrivateKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordEntry, RecordingAnchor } from '@weir/recording';
import type { AnchorStore, RecordingLog } from '../../src/recordings/index.ts';

/** Fixed keys: children and parents of a test share them. */
export const testKeys = {
  masterKey: Buffer.alloc(32, 3),
  signingKey: createPrivateKey(
    '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEII9MVtpQg1TAd4uY8VIwpc9u6iRwL6LhMLmPc8v9JJqK\n-----END PRIVATE KEY-----\n',
  ),
};

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'weir-evidence-'));
}

/** A log that keeps its lines. */
export function createTestLog(): RecordingLog & { readonly lines: string[] } {
  const lines: string[] = [];
  const write = (level: string) => (message: string, detail?: object) =>
    void lines.push(`${level} ${message} ${JSON.stringify(detail ?? {})}`);
  return { lines, info: write('info'), warn: write('warn'), error: write('error') };
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync();
  await handle.close();
}

/** Anchors as durable files: the store of tests that kill processes. */
export function createFileAnchorStore(dir: string): AnchorStore {
  const folder = join(dir, 'anchors');
  mkdirSync(folder, { recursive: true });
  const read = (name: string): RecordingAnchor =>
    JSON.parse(readFileSync(join(folder, name), 'utf8')) as RecordingAnchor;
  const names = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.json'));
  return {
    async upsert(anchor) {
      const path = join(folder, `${anchor.session}.json`);
      const handle = await open(`${path}.tmp`, 'w');
      await handle.writeFile(JSON.stringify(anchor));
      await handle.sync();
      await handle.close();
      await rename(`${path}.tmp`, path);
      await syncPath(folder);
    },
    list: async () => names().map(read),
    get: async (session) => (names().includes(`${session}.json`) ? read(`${session}.json`) : null),
  };
}

/** An agent's event that says where it belongs, with `padding` more bytes. */
export function noteJson(session: string, channel: number, sequence: number, padding = 0): Buffer {
  const message = `${session}/${channel}/${sequence} ${'x'.repeat(padding)}`;
  return Buffer.from(JSON.stringify({ event: 'note', atMs: 1, code: 'test', message, statement: null }));
}

/** Checks that an entry holds the event that {@link noteJson} made for its place. */
export function isInPlace(entry: RecordEntry): boolean {
  if (entry.event.event !== 'note') return entry.channel === 0;
  return entry.event.message.startsWith(`${entry.session}/${entry.channel}/${entry.sequence} `);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
