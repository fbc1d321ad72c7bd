import type { AnalysedStatement, SessionChange, SessionObjects } from '@weir/sql';
import type { TargetView } from './target-view.ts';
import type { Ticket } from './ticket.ts';

/** Prepared statements and cursors that SQL of this channel made. Changes count only after the server confirmed them. */
export interface ObjectTracker {
  /** What is known in this view: the server plans a prepared statement anew, so what was prepared in another view may mean something else now. */
  knownIn(view: TargetView): SessionObjects;
  /** The texts that made the prepared statements (when `prepared`) and the cursors that there are, by name. */
  definitions(prepared: boolean): readonly (readonly [name: string, text: string])[];
  /** A forwarded text will make the changes of its statements if they succeed. */
  expect(ticket: Ticket): void;
  /** A statement of the text ended; a failure ends the whole text. */
  settle(ticket: Ticket, index: number, succeeded: boolean): void;
  /** The client's own protocol messages took this name. */
  taken(kind: 'statement' | 'portal', name: string): void;
  /** Forwarded statements whose changes are not known to have happened. */
  readonly unsettled: number;
}

const isObjectChange = (change: SessionChange) => change.change !== 'catalog' && change.change !== 'environment';
/** After these a name that stays known could mean another cursor: cursors without HOLD end with their transaction. */
const endsTransaction = ({ facts }: AnalysedStatement) => /^(COMMIT|ROLLBACK|PREPARE TRANSACTION)$/.test(facts.command);

/** Creates an empty tracker. */
export function createObjectTracker(): ObjectTracker {
  let objects: SessionObjects = { prepared: {}, cursors: {} };
  let held = new Set<string>();
  /** What made the statements and cursors of `objects`; entries of forgotten names do no harm. */
  const sources = { prepared: new Map<string, Ticket>(), cursors: new Map<string, Ticket>() };
  let unsettled = 0;
  /** Names that protocol messages took while changes were unsettled: which came first is not known, so they mean nothing. */
  const contested = new Set<string>();

  const settled = (ticket: Ticket, index: number) => {
    if (ticket.unsettled.delete(index)) unsettled -= 1;
  };
  const succeed = (ticket: Ticket, statement: AnalysedStatement) => {
    for (const change of statement.changes) {
      if (change.change === 'prepare') sources.prepared.set(change.name, ticket);
      if (change.change === 'declare') sources.cursors.set(change.name, ticket);
      objects = isContested(change, contested) ? forget(objects, change) : apply(objects, change);
      if (change.change === 'declare' && change.hold) held.add(change.name);
    }
    if (!endsTransaction(statement)) return;
    const kept = Object.entries(objects.cursors).filter(([name]) => held.has(name));
    objects = { ...objects, cursors: Object.fromEntries(kept) };
    held = new Set(kept.map(([name]) => name));
  };

  return {
    knownIn(view) {
      const isStale = (name: string) => sources.prepared.get(name)?.understood.view !== view;
      if (!Object.keys(objects.prepared).some(isStale)) return objects;
      return {
        ...objects,
        prepared: Object.fromEntries(Object.entries(objects.prepared).filter(([name]) => !isStale(name))),
      };
    },
    definitions(prepared) {
      const textsOf = (made: ReadonlyMap<string, Ticket>, names: readonly string[]) =>
        names.map((name) => [name, made.get(name)?.understood.text ?? ''] as const);
      const statements = prepared ? textsOf(sources.prepared, Object.keys(objects.prepared)) : [];
      return [...statements, ...textsOf(sources.cursors, Object.keys(objects.cursors))];
    },
    get unsettled() {
      return unsettled;
    },
    expect(ticket) {
      ticket.understood.statements.forEach(({ changes }, index) => {
        if (!changes.some(isObjectChange)) return;
        ticket.unsettled.add(index);
        unsettled += 1;
      });
    },
    settle(ticket, index, succeeded) {
      const { statements } = ticket.understood;
      settled(ticket, index);
      const statement = statements[index];
      if (succeeded && statement) succeed(ticket, statement);
      // The rest of the text is skipped, mostly unseen by us; where it did run (the refusal was ours) its outcome still comes.
      if (!succeeded) {
        for (const later of [...ticket.unsettled]) {
          settled(ticket, later);
          for (const change of statements[later]?.changes ?? []) objects = forget(objects, change);
        }
      }
      if (unsettled === 0) contested.clear();
    },
    taken(kind, name) {
      if (kind === 'statement') objects = { ...objects, prepared: without(objects.prepared, name) };
      else objects = { ...objects, cursors: without(objects.cursors, name) };
      if (unsettled > 0) contested.add(`${kind} ${name}`);
    },
  };
}

const isContested = (change: SessionChange, contested: ReadonlySet<string>) =>
  (change.change === 'prepare' && contested.has(`statement ${change.name}`)) ||
  (change.change === 'declare' && contested.has(`portal ${change.name}`));

/** What is known when it is not known whether the change happened. */
function forget(objects: SessionObjects, change: SessionChange): SessionObjects {
  switch (change.change) {
    case 'prepare':
      return { ...objects, prepared: without(objects.prepared, change.name) };
    case 'declare':
      return { ...objects, cursors: without(objects.cursors, change.name) };
    default:
      return apply(objects, change);
  }
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
