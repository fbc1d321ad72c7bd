import { type BenchContext, startWeirFor } from '../bench-context.ts';
import { readResult, resultSql } from '../read-result.ts';
import { type ReadingCase, readingColumns, readingRows, runReadings } from '../readings.ts';
import { openRoutes } from '../routes.ts';
import type { Section } from '../section.ts';

/** Results of some 200 MB by every route: short rows in clear, by Weir also with two of eight columns masked, and rows of 50 KB. */
export async function measureResult(context: BenchContext): Promise<Section[]> {
  const weir = await startWeirFor(context);
  const routes = await openRoutes(context, weir);
  const isProfiled = context.profileDir !== undefined;
  const rounds = isProfiled ? 4 : context.quick ? 1 : 5;
  context.progress('result: warm-up');
  for (const { dsn } of routes) await readResult(context, dsn, resultSql('masked', context.quick ? 100_000 : 300_000));
  const clear = { kind: 'clear', sql: resultSql('clear') };
  const masked = { kind: 'two of eight masked', sql: resultSql('masked') };
  const short = routes.flatMap((route): ReadingCase[] => {
    if (isProfiled) return [{ route, ...masked, samples: [] }];
    return (route.isWeir ? [clear, masked] : [clear]).map((kind) => ({ route, ...kind, samples: [] }));
  });
  const wide = routes
    .filter(() => !isProfiled)
    .map((route): ReadingCase => ({ route, kind: 'wide, clear', sql: 'SELECT id, body FROM wide', samples: [] }));
  await runReadings(context, weir, short, rounds);
  await runReadings(context, weir, wide, rounds);
  await weir.stop();
  const shortSection: Section = {
    name: 'result',
    title: 'A large result',
    notes: [
      `One simple query, eight columns, about 220 bytes a row, read by a process that looks at no row; ${rounds} interleaved rounds after a warm-up, medians.`,
      'The ratio compares the time for the same rows; a masked row may have fewer bytes. The clear query takes columns of the same widths that no rule is about, for the same person.',
    ],
    columns: readingColumns,
    rows: readingRows(short),
  };
  const wideSection: Section = {
    name: 'wide',
    title: 'Rows of 50 KB',
    notes: [`The same with a number and a text of 50,000 bytes in each row; ${rounds} interleaved rounds, medians.`],
    columns: readingColumns,
    rows: readingRows(wide),
  };
  return isProfiled ? [shortSection] : [shortSection, wideSection];
}
