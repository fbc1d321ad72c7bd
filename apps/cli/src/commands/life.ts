import { WeirError } from '@weir/errors';

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of `30m`, `2h` or `90d`; the gateway says what is too long. @throws WeirError invalid_request. */
export function lifeOf(text: string): number {
  const [, count = '', unit = ''] = /^([1-9][0-9]{0,5})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (unitSeconds[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw new WeirError('invalid_request', `"${text}" is not a time such as 30m, 2h or 90d.`);
}
