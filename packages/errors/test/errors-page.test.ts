import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type CatalogueEntry, catalogue } from '../src/index.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/errors.md'), 'utf8');

it('the page of errors has each code as the catalogue says it, and no other', () => {
  const listed = page.split('\n').filter((line) => line.startsWith('| `'));
  const expected = Object.entries<CatalogueEntry>(catalogue).map(
    ([code, { title, httpStatus, exitCode, sqlstate, hint }]) =>
      // What is no failure in another protocol is a conflict in the API.
      `| \`${code}\` | ${title} | ${httpStatus >= 400 ? httpStatus : 409} | ${exitCode} | ${sqlstate} | ${hint} |`,
  );
  expect(listed).toEqual(expected);
});
