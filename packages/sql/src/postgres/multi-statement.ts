import type { SessionChange, SessionObjects } from '../analysis.ts';
import type { Findings } from './findings.ts';

/** Whether statements after these changes in the same text can mean something that is not known yet. */
export function dependsOnChanges(changes: readonly SessionChange[]): boolean {
  return changes.some(({ change }) => change === 'catalog' || change === 'environment');
}

/** Marks a statement that names relations, functions or operators after such a change: its names are resolved by a catalog or path that is not known yet. */
export function noteDependence(findings: Findings): void {
  if (findings.tables.size === 0 && findings.unknownRelations.size === 0 && !findings.resolvesNames) return;
  findings.opaque.add('an earlier statement of the same text changes what this one means; send them one by one');
}

/** The session's objects after the changes of a statement, for those that follow it in the same text. */
export function applyObjectChanges(objects: SessionObjects, changes: readonly SessionChange[]): SessionObjects {
  let { prepared, cursors } = objects;
  for (const change of changes) {
    switch (change.change) {
      case 'prepare':
        prepared = { ...prepared, [change.name]: { facts: change.facts } };
        break;
      case 'deallocate':
        prepared = without(prepared, change.name);
        break;
      case 'declare':
        cursors = { ...cursors, [change.name]: { outputs: change.outputs } };
        break;
      case 'close':
        cursors = without(cursors, change.name);
        break;
      case 'discard':
        prepared = {};
        cursors = {};
        break;
      default:
        break;
    }
  }
  return { prepared, cursors };
}

function without<T>(record: Readonly<Record<string, T>>, name: string | null): Readonly<Record<string, T>> {
  if (name === null) return {};
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}
