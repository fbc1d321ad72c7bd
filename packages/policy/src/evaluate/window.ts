import { tryDays, tryMinutes, type WeekDay, type Window, weekDays } from '../schema/window.ts';

/** Is the time inside the window? */
export type WindowTest = (now: Date) => boolean;

/** Prepares a window. */
export function createWindowTest(window: Window): WindowTest {
  const days = new Set<WeekDay>((window.days ?? ['mon-sun']).flatMap((name) => tryDays(name) ?? []));
  const from = tryMinutes(window.from) ?? 0;
  const to = tryMinutes(window.to) ?? 1440;
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone: window.timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return (now) => {
    const parts = new Map(clock.formatToParts(now).map(({ type, value }) => [type, value]));
    const day = weekDays.indexOf((parts.get('weekday') ?? '').toLowerCase() as WeekDay);
    const minute = Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
    const isOn = (at: number) => days.has(weekDays[(at + 7) % 7] as WeekDay);
    if (from < to) return isOn(day) && minute >= from && minute < to;
    return (isOn(day) && minute >= from) || (isOn(day - 1) && minute < to);
  };
}

/** A window in words, e.g. `mon-fri 07:00 to 20:00, Europe/Berlin`. */
export function describeWindow({ days, from, to, timeZone }: Window): string {
  return `${days === undefined ? '' : `${days.join(', ')} `}${from} to ${to}, ${timeZone}`;
}
