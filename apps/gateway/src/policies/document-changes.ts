import { isDeepStrictEqual } from 'node:util';
import type { PolicyDocument } from '@weir/policy';

/** What is different between two policies, by the names of their documents, e.g. `staff changed`. */
export function documentChanges(before: readonly PolicyDocument[], after: readonly PolicyDocument[]): string[] {
  const old = new Map(before.map((document) => [document.name, document]));
  const names = new Set(after.map(({ name }) => name));
  return [
    ...after.flatMap((document) => {
      const known = old.get(document.name);
      if (known === undefined) return [`${document.name} added`];
      return isDeepStrictEqual(partsOf(known), partsOf(document)) ? [] : [`${document.name} changed`];
    }),
    ...before.filter(({ name }) => !names.has(name)).map(({ name }) => `${name} removed`),
  ];
}

function partsOf({ kind, description, spec }: PolicyDocument): unknown {
  return { kind, description, spec };
}
