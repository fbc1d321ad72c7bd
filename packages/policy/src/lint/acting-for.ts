import type { Finding } from '../finding.ts';
import type { PlacedDocument } from '../parse.ts';
import { warning } from './warning.ts';

/** Access for those who act for a person, given to people alone: nobody opens a session by it. */
export function findActingWarnings(documents: readonly PlacedDocument[]): Finding[] {
  return documents.flatMap((placed) => {
    const { kind, spec } = placed.document;
    if (kind !== 'Access' && kind !== 'AccessRequest') return [];
    const { actingFor, kinds } = spec.who;
    if (actingFor !== 'required' || kinds === undefined || kinds.some((one) => one !== 'person')) return [];
    const message = 'People do not act for others: name "service" or "ai-agent" as well, or leave "kinds" out.';
    return [warning('acting-for-nobody', message, placed, ['spec', 'who', 'kinds'])];
  });
}
