import { nativeRoute } from './routes.ts';
import type { Row, Section } from './section.ts';

/** A number that Weir shall reach, and where it stands. */
export interface Goal {
  readonly goal: string;
  /** Absent where there is a stretch goal only. */
  readonly wanted?: string;
  readonly measured: number;
  readonly isMet?: boolean;
  /** What would be better still. */
  readonly stretch?: string;
  readonly isStretchMet?: boolean;
}

interface GoalRule {
  readonly goal: string;
  readonly section: string;
  readonly where: Row;
  readonly key: string;
  /** A bound below, unless `isUpper`. */
  readonly wanted?: number;
  readonly stretch?: number;
  readonly isUpper?: true;
}

const query = (mode: string, clients: number): Pick<GoalRule, 'section' | 'where'> => ({
  section: 'queries',
  where: { mode, clients, route: nativeRoute },
});
const result = (kind: string): Pick<GoalRule, 'section' | 'where'> => ({
  section: 'result',
  where: { route: nativeRoute, kind },
});
const one = { isUpper: true, key: 'addedMs', wanted: 0.32, stretch: 0.2 } as const;
const tail = { isUpper: true, key: 'p99Times', wanted: 3 } as const;

const rules: readonly GoalRule[] = [
  { goal: 'prepared, 8 clients, of direct', ...query('prepared', 8), key: 'ratio', wanted: 0.27, stretch: 0.35 },
  { goal: 'prepared, 32 clients, of direct', ...query('prepared', 32), key: 'ratio', wanted: 0.45, stretch: 0.55 },
  { goal: 'simple, 8 clients, of direct', ...query('simple', 8), key: 'ratio', wanted: 0.33, stretch: 0.45 },
  { goal: 'p99, prepared, 32 clients, times direct', ...query('prepared', 32), ...tail },
  { goal: 'p99, simple, 32 clients, times direct', ...query('simple', 32), ...tail },
  { goal: 'added p50, prepared, one client, ms', ...query('prepared', 1), ...one },
  { goal: 'added p50, simple, one client, ms', ...query('simple', 1), ...one },
  { goal: 'large result in clear, of direct', ...result('clear'), key: 'ratio', wanted: 0.8, stretch: 1 },
  {
    goal: 'large result masked, of direct',
    ...result('two of eight masked'),
    key: 'ratio',
    wanted: 0.7,
    stretch: 0.85,
  },
  { goal: 'rows of 50 KB, of direct', section: 'wide', where: { route: nativeRoute }, key: 'ratio', wanted: 0.6 },
  {
    goal: 'one session 20 ms apart, MB/s',
    section: 'delay',
    where: { route: nativeRoute, kind: 'clear' },
    key: 'rate',
    wanted: 80,
  },
  {
    goal: 'revocation of 1,000 sessions, slowest cause, s',
    section: 'revocation',
    where: { cause: 'slowest' },
    key: 'lastSeconds',
    wanted: 2,
    isUpper: true,
  },
  ...['a command', 'sftp get'].map((what) => ({
    goal: `${what}, 200 MB by SSH, of direct`,
    ...{ section: 'ssh', where: { route: 'Weir, native', what }, key: 'ratio', wanted: 0.45, stretch: 0.7 },
  })),
  {
    goal: 'added p50 of an echo at a terminal, ms',
    ...{ section: 'ssh-echo', where: { route: 'Weir, native' }, key: 'addedMs', wanted: 1, isUpper: true },
  },
  { goal: 'idle channel, KiB', section: 'idle', where: { process: 'both' }, key: 'each', wanted: 29.3, isUpper: true },
  { goal: 'prepared, 8 clients, of the Go relay', ...query('prepared', 8), key: 'ofGoRelay', stretch: 1 },
  { goal: 'prepared, 32 clients, of the Go relay', ...query('prepared', 32), key: 'ofGoRelay', stretch: 1 },
];

/** Compares sections with what was set as a goal; goals of sections that were not measured are left out. */
export function compareWithGoals(sections: readonly Section[]): Goal[] {
  return rules.flatMap((rule) => {
    const rows = sections.find(({ name }) => name === rule.section)?.rows ?? [];
    const row = rows.find((one) => Object.entries(rule.where).every(([key, value]) => one[key] === value));
    const measured = row?.[rule.key];
    if (typeof measured !== 'number') return [];
    const reaches = (bound: number) => (rule.isUpper ? measured <= bound : measured >= bound);
    const text = (bound: number) => `at ${rule.isUpper ? 'most' : 'least'} ${bound}`;
    return [
      {
        goal: rule.goal,
        measured,
        ...(rule.wanted !== undefined && { wanted: text(rule.wanted), isMet: reaches(rule.wanted) }),
        ...(rule.stretch !== undefined && { stretch: text(rule.stretch), isStretchMet: reaches(rule.stretch) }),
      },
    ];
  });
}
