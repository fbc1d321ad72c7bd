import type { Row, Section } from './section.ts';

/** A number that Weir shall reach, and where it stands. */
export interface Goal {
  readonly goal: string;
  readonly wanted: string;
  readonly measured: number;
  readonly isMet: boolean;
}

interface GoalRule {
  readonly goal: string;
  readonly section: string;
  readonly where: Row;
  readonly key: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

const native = 'Weir, native';
const query = (mode: string, clients: number): Pick<GoalRule, 'section' | 'where'> => ({
  section: 'queries',
  where: { mode, clients, route: native },
});
const result = (kind: string): Pick<GoalRule, 'section' | 'where'> => ({
  section: 'result',
  where: { route: native, kind },
});

const rules: readonly GoalRule[] = [
  { goal: 'prepared, 8 clients, of direct', ...query('prepared', 8), key: 'ratio', atLeast: 0.2 },
  { goal: 'prepared, 32 clients, of direct', ...query('prepared', 32), key: 'ratio', atLeast: 0.36 },
  { goal: 'simple, 8 clients, of direct', ...query('simple', 8), key: 'ratio', atLeast: 0.26 },
  { goal: 'added p50, prepared, one client, ms', ...query('prepared', 1), key: 'addedMs', atMost: 0.4 },
  { goal: 'added p50, simple, one client, ms', ...query('simple', 1), key: 'addedMs', atMost: 0.4 },
  { goal: 'large result in clear, of direct', ...result('clear'), key: 'ratio', atLeast: 0.7 },
  { goal: 'large result masked, of direct', ...result('two of eight masked'), key: 'ratio', atLeast: 0.55 },
  {
    goal: 'one session 20 ms apart, MB/s',
    section: 'delay',
    where: { route: native, kind: 'clear' },
    key: 'rate',
    atLeast: 8,
  },
  { goal: 'idle channel, KiB', section: 'idle', where: { process: 'both' }, key: 'each', atMost: 60 },
];

/** Compares sections with what was set as a goal; goals of sections that were not measured are left out. */
export function compareWithGoals(sections: readonly Section[]): Goal[] {
  return rules.flatMap((rule) => {
    const rows = sections.find(({ name }) => name === rule.section)?.rows ?? [];
    const row = rows.find((one) => Object.entries(rule.where).every(([key, value]) => one[key] === value));
    const measured = row?.[rule.key];
    if (typeof measured !== 'number') return [];
    const isMet = measured >= (rule.atLeast ?? Number.NEGATIVE_INFINITY) && measured <= (rule.atMost ?? Infinity);
    const wanted = rule.atLeast === undefined ? `at most ${rule.atMost}` : `at least ${rule.atLeast}`;
    return [{ goal: rule.goal, wanted, measured, isMet }];
  });
}
