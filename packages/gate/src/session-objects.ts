import type { SessionChange, SessionObjects } from '@weir/sql';

/** Prepared statements and cursors that SQL of this channel made. Changes count only after the server confirmed them. */
export interface ObjectTracker {
  readonly objects: SessionObjects;
  /** A forwarded statement will make these changes if it succeeds. */
  expect(changes: readonly SessionChange[]): void;
  /** The statement ended; apply its changes when it succeeded. */
  settle(changes: readonly SessionChange[], succeeded: boolean): void;
  /** Forwarded statements whose changes are not known to have happened. */
  readonly unsettled: number;
}

const isObjectChange = (change: SessionChange) => change.change !== 'catalog' && change.change !== 'environment';

/** Creates an empty tracker. */
export function createObjectTracker(): ObjectTracker {
  let objects: SessionObjects = { prepared: {}, cursors: {} };
  let unsettled = 0;
  return {
    get objects() {
      return objects;
    },
    get unsettled() {
      return unsettled;
    },
    expect(changes) {
      if (changes.some(isObjectChange)) unsettled += 1;
    },
    settle(changes, succeeded) {
      if (!changes.some(isObjectChange)) return;
      unsettled -= 1;
      if (succeeded) for (const change of changes) objects = apply(objects, change);
    },
  };
}

function apply(objects: SessionObjects, change: SessionChange): SessionObjects {
  switch (change.change) {
    case 'prepare':
      return { ...objects, prepared: { ...objects.prepared, [change.name]: { facts: change.facts } } };
    case 'deallocate':
      return { ...objects, prepared: without(objects.prepared, change.name) };
    case 'declare':
      return { ...objects, cursors: { ...objects.cursors, [change.name]: { outputs: change.outputs } } };
    case 'close':
      return { ...objects, cursors: without(objects.cursors, change.name) };
    case 'discard':
      return { prepared: {}, cursors: {} };
    default:
      return objects;
  }
}

/** A copy without `name`; null removes all (DEALLOCATE ALL, CLOSE ALL). */
function without<T>(record: Readonly<Record<string, T>>, name: string | null): Record<string, T> {
  return name === null ? {} : Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}
