import { importRules } from './import-rules.ts';
import { type SourceFile, sourceFiles } from './tree.ts';

const importPattern = /(?:^|\n)\s*(?:import|export)[^;'"]*?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;
const ioModules = new Set([
  'fs',
  'fs/promises',
  'net',
  'tls',
  'http',
  'http2',
  'https',
  'child_process',
  'worker_threads',
  'dgram',
  'dns',
  'cluster',
  'readline',
]);

/** Checks every import against the rules of the house. @returns one sentence for each broken rule. */
export function checkImports(): string[] {
  return sourceFiles().flatMap(checkFile);
}

function checkFile(file: SourceFile): string[] {
  const home = /^(?:packages|apps)\/[^/]+|^(?:bench|e2e|fuzz)(?=\/)/.exec(file.path)?.[0];
  if (home === undefined) return [];
  const rule = importRules[home];
  if (rule === undefined) return [`${file.path}: ${home} has no row in scripts/check/import-rules.ts`];
  const isTest = file.path.includes('/test/');
  const own = home.split('/').at(-1);
  const problems: string[] = [];
  for (const match of file.text.matchAll(importPattern)) {
    const target = match[1] ?? match[2] ?? '';
    const name = /^@weir\/([^/]+)/.exec(target)?.[1];
    if (name !== undefined && name !== own && !rule.may.includes(name) && !(isTest && name === 'testkit')) {
      problems.push(`${file.path}: must not import @weir/${name} (${rule.why})`);
    }
    if (!rule.io && !isTest && ioModules.has(target.replace(/^node:/, '')))
      problems.push(`${file.path}: must do no I/O (${target}): ${rule.why}`);
    if (target.startsWith('.') && leavesHome(file.path, target, home))
      problems.push(`${file.path}: reaches out of its package (${target}); import by name`);
  }
  return problems;
}

function leavesHome(path: string, target: string, home: string): boolean {
  const resolved = new URL(target, `file:///${path}`).pathname.slice(1);
  return !resolved.startsWith(`${home}/`);
}
