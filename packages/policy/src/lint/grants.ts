import { didYouMean } from '../did-you-mean.ts';
import type { Finding } from '../finding.ts';
import type { PlacedDocument } from '../parse.ts';
import { warning } from './warning.ts';

/** Access that no rule can grant, and rules whose grants open nothing. */
export function findGrantWarnings(documents: readonly PlacedDocument[]): Finding[] {
  const all = documents.map(({ document }) => document);
  const rules = all.flatMap(({ kind, name }) => (kind === 'AccessRequest' ? [name] : []));
  const wanted = all.flatMap((document) =>
    document.kind === 'Access' && document.spec.grant !== undefined ? [document.spec.grant] : [],
  );
  return documents.flatMap((placed) => {
    const { document } = placed;
    if (document.kind === 'AccessRequest') {
      if (wanted.some((grant) => grant === 'required' || grant.includes(document.name))) return [];
      const message = 'No Access document has "grant", so what this rule grants opens nothing.';
      return [warning('grant-opens-nothing', message, placed, ['spec'])];
    }
    if (document.kind !== 'Access' || document.spec.grant === undefined) return [];
    const { grant } = document.spec;
    if (grant === 'required') {
      if (rules.length > 0) return [];
      const message = 'No AccessRequest document hands out grants, so nobody can use this access.';
      return [warning('unknown-grant', message, placed, ['spec', 'grant'])];
    }
    return grant.flatMap((name, index) => {
      if (rules.includes(name)) return [];
      const message = `There is no AccessRequest document "${name}".${didYouMean(name, rules)}`;
      return [warning('unknown-grant', message, placed, ['spec', 'grant', index])];
    });
  });
}
