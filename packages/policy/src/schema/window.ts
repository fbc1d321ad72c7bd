import { z } from 'zod';
import { list, section, text } from './field.ts';

/** Days as windows name them, in the order of the week. */
export const weekDays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type WeekDay = (typeof weekDays)[number];

const timeOfDay = text(5).refine((value) => tryMinutes(value) !== undefined, {
  error: (issue) => `"${String(issue.input)}" is not a time such as 07:00 or 24:00; write it in quotes.`,
});

/**
 * A time window: on these days (all unless named), from the first minute to the second (not included), by the clock of a time zone. `to` before `from`
 * goes over midnight and belongs to the day on which it begins.
 */
export const windowSchema = section({
  days: list(
    text(7).refine((value) => tryDays(value) !== undefined, {
      error: (issue) => `"${String(issue.input)}" is not a day such as mon, or days such as mon-fri.`,
    }),
  ).optional(),
  from: timeOfDay.default('00:00'),
  to: timeOfDay.default('24:00'),
  timeZone: text(60).refine(isTimeZone, {
    error: (issue) => `"${String(issue.input)}" is not a time zone such as UTC or Europe/Berlin.`,
  }),
}).refine((window) => window.from !== window.to, { error: '"from" and "to" are the same: the window is empty.' });
export type Window = z.output<typeof windowSchema>;

/** Minutes since midnight of `HH:MM` (24:00 = 1440); undefined when it is none. */
export function tryMinutes(value: string): number | undefined {
  const found = /^([01]\d|2[0-4]):([0-5]\d)$/.exec(value);
  if (found === null) return undefined;
  const minutes = Number(found[1]) * 60 + Number(found[2]);
  return minutes <= 1440 ? minutes : undefined;
}

/** The days that `mon` or `fri-mon` names; undefined when it names none. */
export function tryDays(value: string): readonly WeekDay[] | undefined {
  const [first, last = first, ...rest] = value.split('-');
  const from = weekDays.indexOf(first as WeekDay);
  const to = weekDays.indexOf(last as WeekDay);
  if (from < 0 || to < 0 || rest.length > 0) return undefined;
  const length = ((to - from + 7) % 7) + 1;
  return Array.from({ length }, (_, at) => weekDays[(from + at) % 7] as WeekDay);
}

function isTimeZone(value: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: value });
    return true;
  } catch (error) {
    // Intl says RangeError for a name that it does not know.
    if (error instanceof RangeError) return false;
    throw error;
  }
}
