const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Longest time that a duration may name: 7 days, ms. */
export const maxDurationMs = 7 * 86_400_000;

/** Reads `30s`, `10m`, `2h`, `1d` as milliseconds; undefined when it is none of these, zero, or above 7 days. */
export function tryDuration(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,5})([smhd])$/.exec(text);
  const unit = unitMs[match?.[2] ?? ''];
  if (match === null || unit === undefined) return undefined;
  const ms = Number(match[1]) * unit;
  return ms <= maxDurationMs ? ms : undefined;
}
