import { sourceFiles } from './tree.ts';

/** Lines of a file: the median, the 95th percentile and the most. */
const budget = { median: 120, percentile95: 400, most: 600 };

/** Checks the size budget of sources (tests may be long tables up to the most). @returns one sentence for each excess. */
export function checkSizes(): string[] {
  const sizes = sourceFiles().map(({ path, text }) => ({ path, lines: text.split('\n').length }));
  const sources = sizes.filter(({ path }) => !path.includes('/test/')).sort((a, b) => a.lines - b.lines);
  const problems = sizes
    .filter(({ lines }) => lines > budget.most)
    .map(({ path, lines }) => `${path}: ${lines} lines, more than ${budget.most}`);
  const median = sources[Math.floor(sources.length / 2)]?.lines ?? 0;
  const percentile95 = sources[Math.floor(sources.length * 0.95)]?.lines ?? 0;
  if (median > budget.median) problems.push(`the median source has ${median} lines, more than ${budget.median}`);
  if (percentile95 > budget.percentile95)
    problems.push(`the 95th percentile has ${percentile95} lines, more than ${budget.percentile95}`);
  return problems;
}
