import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGlob, createGlobs, createPathGlobs, isGlobCovering, isPathCovering } from '../src/glob.ts';

const exact = { ignoreCase: false };
const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 6 });

describe('globs', () => {
  it.each([
    ['users', 'users', true],
    ['users', 'user', false],
    ['users', 'users2', false],
    ['*', '', true],
    ['*', 'any/thing.with dots', true],
    ['**', 'x', true],
    ['DROP *', 'DROP TABLE', true],
    ['DROP *', 'DROP', false],
    ['*_log', 'audit_log', true],
    ['*_log', 'audit_logs', false],
    ['pay*s', 'payments', true],
    ['pay*s', 'pays', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a?c', 'abbc', false],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b*', 'xxbxxaxx', false],
    ['?', '', false],
    ['[ab]', 'a', false],
    ['[ab]', '[ab]', true],
    ['{a,b}', 'a', false],
    ['!a', 'b', false],
    ['a.c', 'abc', false],
    ['a+', 'aa', false],
    ['', '', true],
    ['', 'a', false],
  ])('%j on %j gives %j', (pattern, text, expected) => {
    expect(createGlob(pattern, exact)(text)).toBe(expected);
  });

  it('follows the case option', () => {
    expect(createGlob('Drop *', { ignoreCase: true })('DROP table')).toBe(true);
    expect(createGlob('Drop *', exact)('DROP table')).toBe(false);
    expect(createGlob('USERS', { ignoreCase: true })('users')).toBe(true);
  });

  it('agrees with the regular expression of the same meaning', () => {
    fc.assert(
      fc.property(patterns, letters, (pattern, text) => {
        const source = pattern.replaceAll('*', '[\\s\\S]*').replaceAll('?', '[\\s\\S]');
        expect(createGlob(pattern, exact)(text)).toBe(new RegExp(`^${source}$`).test(text));
      }),
    );
  });

  it('does not stall on many stars', () => {
    expect(createGlob(`${'*a'.repeat(100)}*b`, exact)('a'.repeat(20_000))).toBe(false);
  });

  it('takes an empty list for nothing', () => {
    expect(createGlobs([], exact)('x')).toBe(false);
    expect(createGlobs(['y', 'x'], exact)('x')).toBe(true);
  });
});

describe('globs over dotted names', () => {
  it.each([
    ['public.users', ['public', 'users'], true],
    ['public.users', ['PUBLIC', 'Users'], true],
    ['*.users', ['app', 'users'], true],
    ['public.*', ['public', 'we.ird'], true],
    ['public.*', ['public.x', 'users'], false],
    ['public.users', ['public', 'users', 'email'], false],
    ['*.*.email', ['public', 'users', 'email'], true],
    ['*.*.*', ['a', 'b'], false],
    ['public.pay*.c?rd', ['public', 'payments_2024', 'card'], true],
  ])('%s on %j gives %j', (pattern, parts, expected) => {
    expect(createPathGlobs([pattern])(...parts)).toBe(expected);
  });
});

describe('covering', () => {
  it.each([
    ['*', 'anything*', true],
    ['a*', 'ab*', true],
    ['a*', '*', false],
    ['a?', 'a*', false],
    ['a?', 'a?', true],
    ['?', '?', true],
    ['?', '*', false],
    ['??', '?*', false],
    ['a*c', 'abc', true],
    ['abc', 'a*c', false],
  ])('%j covers %j: %j', (wide, narrow, expected) => {
    expect(isGlobCovering(wide, narrow)).toBe(expected);
  });

  it('works part by part', () => {
    expect(isPathCovering('*.*.email', 'public.users.EMAIL')).toBe(true);
    expect(isPathCovering('public.*', 'public.users.email')).toBe(false);
    expect(isPathCovering('public.users.*', 'public.*.email')).toBe(false);
  });

  it('is sound: what the narrow one matches, the wide one matches', () => {
    fc.assert(
      fc.property(patterns, patterns, letters, (wide, narrow, text) => {
        fc.pre(isGlobCovering(wide, narrow) && createGlob(narrow, exact)(text));
        expect(createGlob(wide, exact)(text)).toBe(true);
      }),
    );
  });
});
