import { formatFinding, lintPolicies } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { daytime, documentOf, evaluatorOf, openAccess, statementOf } from './fixture.ts';

const guarded = (window: string) =>
  openAccess + documentOf('Guardrail', 'closed', `window: ${window}\naction: deny\nreason: not now`);
const at = (policy: string, now: string) =>
  evaluatorOf(policy).evaluate(statementOf({}), { ...daytime, now: new Date(now) });

describe('a time window', () => {
  // 2026-03-06 is a Friday.
  it.each([
    ['{ timeZone: UTC }', '2026-03-06T12:00:00Z', true],
    ['{ from: "07:00", to: "20:00", timeZone: UTC }', '2026-03-06T07:00:00Z', true],
    ['{ from: "07:00", to: "20:00", timeZone: UTC }', '2026-03-06T06:59:59Z', false],
    ['{ from: "07:00", to: "20:00", timeZone: UTC }', '2026-03-06T19:59:59Z', true],
    ['{ from: "07:00", to: "20:00", timeZone: UTC }', '2026-03-06T20:00:00Z', false],
    ['{ from: "07:00", to: "20:00", timeZone: Europe/Berlin }', '2026-03-06T06:00:00Z', true],
    ['{ from: "07:00", to: "20:00", timeZone: Europe/Berlin }', '2026-03-06T05:59:00Z', false],
    // Summer time began on 2026-03-29.
    ['{ from: "07:00", to: "20:00", timeZone: Europe/Berlin }', '2026-03-30T05:00:00Z', true],
    ['{ days: [mon-fri], timeZone: UTC }', '2026-03-06T23:59:59Z', true],
    ['{ days: [mon-fri], timeZone: UTC }', '2026-03-07T00:00:00Z', false],
    ['{ days: [sat, sun], timeZone: UTC }', '2026-03-07T00:00:00Z', true],
    ['{ days: [fri-mon], timeZone: UTC }', '2026-03-08T10:00:00Z', true],
    ['{ days: [fri-mon], timeZone: UTC }', '2026-03-10T10:00:00Z', false],
    ['{ days: [fri], timeZone: Asia/Tokyo }', '2026-03-05T15:00:00Z', true],
    ['{ days: [fri], timeZone: Asia/Tokyo }', '2026-03-05T14:59:00Z', false],
    // Over midnight: belongs to the day on which it begins.
    ['{ days: [fri], from: "22:00", to: "06:00", timeZone: UTC }', '2026-03-06T22:00:00Z', true],
    ['{ days: [fri], from: "22:00", to: "06:00", timeZone: UTC }', '2026-03-07T05:59:00Z', true],
    ['{ days: [fri], from: "22:00", to: "06:00", timeZone: UTC }', '2026-03-07T06:00:00Z', false],
    ['{ days: [fri], from: "22:00", to: "06:00", timeZone: UTC }', '2026-03-06T05:00:00Z', false],
    ['{ days: [mon], from: "22:00", to: "06:00", timeZone: UTC }', '2026-03-10T01:00:00Z', true],
    ['{ days: [sun], from: "22:00", to: "06:00", timeZone: UTC }', '2026-03-09T01:00:00Z', true],
  ])('%s at %s: %s', (window, now, inside) => {
    expect(at(guarded(window), now).action).toBe(inside ? 'deny' : 'allow');
  });

  it('of an access rule limits the access', () => {
    const policy = `${openAccess}  window: { days: [mon-fri], from: "07:00", to: "20:00", timeZone: UTC }\n`;
    expect(at(policy, '2026-03-06T12:00:00Z').action).toBe('allow');
    const denied = at(policy, '2026-03-07T12:00:00Z');
    expect(denied).toMatchObject({ action: 'deny', rule: 'default' });
    expect(denied.trace[0]?.why).toBe('access does not apply outside mon-fri 07:00 to 20:00, UTC');
  });

  it('makes verdicts depend on the time', () => {
    expect(evaluatorOf(guarded('{ timeZone: UTC }')).reads.now).toBe(true);
    expect(evaluatorOf(openAccess).reads.now).toBe(false);
  });

  it.each([
    ['{ from: "7:00", timeZone: UTC }', '"7:00" is not a time such as 07:00 or 24:00; write it in quotes.'],
    ['{ from: "24:01", timeZone: UTC }', '"24:01" is not a time such as 07:00 or 24:00; write it in quotes.'],
    ['{ days: [monday], timeZone: UTC }', '"monday" is not a day such as mon, or days such as mon-fri.'],
    ['{ days: [mon-tue-wed], timeZone: UTC }', 'Longer than 7 characters.'],
    ['{ timeZone: Mars/Base }', '"Mars/Base" is not a time zone such as UTC or Europe/Berlin.'],
    ['{ from: "07:00", to: "07:00", timeZone: UTC }', '"from" and "to" are the same: the window is empty.'],
    ['{ days: [mon] }', 'This key is required.'],
  ])('%s is refused', (window, message) => {
    expect(lintPolicies(guarded(window), 'p').map(formatFinding).join('\n')).toContain(message);
  });
});
