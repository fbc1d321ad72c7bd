import type { AnalysisRequest, AnalysisResult } from '@weir/sql';
import { createTextTemplates, type TextTemplates } from './text-templates.ts';

/** Results by everything that they depend on: the exact text, database, role, search_path, catalog version and string syntax. */
export interface AnalysisCache {
  get(request: AnalysisRequest, database: string): AnalysisResult | undefined;
  set(request: AnalysisRequest, database: string, result: AnalysisResult): void;
  /** Forgets the results of a catalog version. */
  drop(catalogVersion: string): void;
  /** Estimated bytes held. */
  readonly bytes: number;
}

interface Entry {
  readonly text: string;
  readonly bucket: Bucket;
  readonly result: AnalysisResult;
  readonly bytes: number;
  older: Entry | null;
  newer: Entry | null;
}

/** Results of one context (all that a key has besides the text). */
interface Bucket {
  readonly key: string;
  readonly database: string;
  readonly role: string;
  readonly catalogVersion: string;
  readonly standard: boolean;
  readonly trusted: readonly string[] | undefined;
  readonly entries: Map<string, Entry>;
  readonly templates: TextTemplates;
}

/** Texts that name a prepared statement or cursor mean what the session's objects make of them: they are not kept. */
const usesObjects = /\b(?:execute|fetch|move)\b/i;

/** Contexts that are kept; beyond it the oldest goes with all of its results. */
const maxBuckets = 256;

/** Least recently used results go when they exceed `maxBytes` together; one larger than an eighth of that is not kept. */
export function createAnalysisCache(maxBytes: number): AnalysisCache {
  const buckets = new Map<string, Bucket>();
  // Sessions send the same array again and again: its bucket is found without building a key.
  const remembered = new WeakMap<readonly string[], Bucket>();
  let newest: Entry | null = null;
  let oldest: Entry | null = null;
  let bytes = 0;

  const unlink = (entry: Entry) => {
    if (entry.older) entry.older.newer = entry.newer;
    else oldest = entry.newer;
    if (entry.newer) entry.newer.older = entry.older;
    else newest = entry.older;
  };
  const append = (entry: Entry) => {
    entry.older = newest;
    entry.newer = null;
    if (newest) newest.newer = entry;
    else oldest = entry;
    newest = entry;
  };
  const remove = (entry: Entry) => {
    unlink(entry);
    bytes -= entry.bytes;
    entry.bucket.entries.delete(entry.text);
    if (entry.bucket.entries.size === 0 && buckets.get(entry.bucket.key) === entry.bucket)
      buckets.delete(entry.bucket.key);
  };

  const forget = (bucket: Bucket) => {
    for (const entry of [...bucket.entries.values()]) remove(entry);
    buckets.delete(bucket.key);
  };

  const bucketOf = (request: AnalysisRequest, database: string): Bucket => {
    const standard = request.standardConformingStrings ?? true;
    const known = remembered.get(request.searchPath);
    if (
      known &&
      known.database === database &&
      known.role === request.role &&
      known.catalogVersion === request.catalogVersion &&
      known.standard === standard &&
      known.trusted === request.trustedFunctions
    ) {
      if (buckets.get(known.key) === known) return known;
    }
    const key = JSON.stringify([
      database,
      request.catalogVersion,
      request.role,
      request.searchPath,
      standard,
      request.trustedFunctions,
    ]);
    const bucket = buckets.get(key) ?? {
      key,
      database,
      role: request.role,
      catalogVersion: request.catalogVersion,
      standard,
      trusted: request.trustedFunctions,
      entries: new Map<string, Entry>(),
      templates: createTextTemplates(),
    };
    if (buckets.size >= maxBuckets && !buckets.has(key)) forget(buckets.values().next().value as Bucket);
    buckets.set(key, bucket);
    remembered.set(request.searchPath, bucket);
    return bucket;
  };

  return {
    get bytes() {
      return bytes;
    },
    get(request, database) {
      const bucket = bucketOf(request, database);
      const entry = bucket.entries.get(request.text);
      if (entry === undefined) return bucket.templates.get(request.text);
      if (entry !== newest) {
        unlink(entry);
        append(entry);
      }
      return entry.result;
    },
    set(request, database, result) {
      const size = estimateBytes(request.text, result);
      if (size > maxBytes / 8 || usesObjects.test(request.text)) return;
      if (!result.ok && result.problem !== 'syntax') return;
      const bucket = bucketOf(request, database);
      const known = bucket.entries.get(request.text);
      if (known) remove(known);
      buckets.set(bucket.key, bucket);
      if (bucket.templates.set(request.text, result)) return;
      const entry: Entry = { text: request.text, bucket, result, bytes: size, older: null, newer: null };
      bucket.entries.set(entry.text, entry);
      append(entry);
      bytes += size;
      while (bytes > maxBytes && oldest) remove(oldest);
    },
    drop(catalogVersion) {
      for (const bucket of [...buckets.values()]) {
        if (bucket.catalogVersion === catalogVersion) forget(bucket);
      }
    },
  };
}

/** A rough upper bound on what a result holds in memory. */
function estimateBytes(text: string, result: AnalysisResult): number {
  let size = 300 + text.length * 2;
  if (!result.ok) return size + result.message.length * 2;
  for (const { facts } of result.statements) {
    size += 800 + 120 * (facts.tables.length + facts.functions.length + facts.filters.length + facts.copies.length);
    size += 80 * (facts.influence.length + facts.opaque.length + facts.settings.length);
    for (const output of facts.outputs ?? []) size += 120 + 90 * output.origins.length;
  }
  return size;
}
