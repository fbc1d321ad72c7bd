import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** An input that is kept: one line of fuzz/seeds/TARGET.jsonl. */
export interface Seed {
  /** Why it is kept, for whoever reads the file: what it shows, or `found`. */
  readonly why: string;
  readonly input: Buffer;
}

interface Line {
  readonly why: string;
  /** Text, where it is one. */
  readonly text?: string;
  readonly base64?: string;
}

const fileOf = (target: string) => fileURLToPath(new URL(`../seeds/${target}.jsonl`, import.meta.url));

/** Reads the seeds of a target. @throws when a line is none */
export function readSeeds(target: string): Seed[] {
  if (!existsSync(fileOf(target))) return [];
  return readFileSync(fileOf(target), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(parseSeed);
}

/** Reads one line. */
export function parseSeed(line: string): Seed {
  const { why, text, base64 } = JSON.parse(line) as Line;
  if (text === undefined && base64 === undefined) throw new Error(`a seed without input: ${line.slice(0, 80)}`);
  return { why, input: text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text) };
}

/** Writes one line without its end: as text where that gives the same bytes back and can be read, else in base64. */
export function formatSeed({ why, input }: Seed): string {
  const text = input.toString('utf8');
  const isReadable = Buffer.from(text).equals(input) && !/[^\P{Cc}\n\t\r]/u.test(text);
  return JSON.stringify({ why, ...(isReadable ? { text } : { base64: input.toString('base64') }) } satisfies Line);
}

/** Writes all seeds of a target. */
export function writeSeeds(target: string, seeds: readonly Seed[]): void {
  writeFileSync(fileOf(target), `${seeds.map(formatSeed).join('\n')}\n`);
}
