import type { SqlFacts } from '../statement.ts';

/** How a setting can undo the protection. */
interface GuardedSetting {
  /** Values (lower case) that do no harm. */
  readonly harmless: readonly string[];
  /** May an access rule allow it by `allowSettings`? */
  readonly isGrantable: boolean;
  readonly why: string;
}

const analysis = 'Weir could no longer read statements as the server does';
const identity = 'statements would run with the rights of another role';

/**
 * Settings of PostgreSQL that endanger analysis, identity or integrity; all others are harmless here (`row_security = off` makes a query fail, it
 * does not show more rows). Source: PostgreSQL 18, chapter 19, and SET ROLE, SET SESSION AUTHORIZATION.
 */
export const guardedSettings: ReadonlyMap<string, GuardedSetting> = new Map([
  ['client_encoding', { harmless: ['utf8', 'utf-8', 'unicode'], isGrantable: false, why: analysis }],
  ['standard_conforming_strings', { harmless: ['on', 'true', 'yes', '1'], isGrantable: false, why: analysis }],
  ['backslash_quote', { harmless: ['safe_encoding', 'off'], isGrantable: false, why: analysis }],
  [
    'session_replication_role',
    { harmless: ['origin'], isGrantable: true, why: 'triggers and foreign keys would be passed over' },
  ],
  ['role', { harmless: ['none'], isGrantable: true, why: identity }],
  ['session_authorization', { harmless: [], isGrantable: true, why: identity }],
  [
    'allow_system_table_mods',
    { harmless: ['off', 'false', 'no', '0'], isGrantable: true, why: 'system tables could be changed' },
  ],
]);

/** The first setting of the statement that endangers the protection and that no access rule allows: a reason; null = none. */
export function findUnsafeSetting(facts: SqlFacts, isAllowed: (name: string) => boolean): string | null {
  for (const { name, value } of facts.settings) {
    const folded = name.toLowerCase();
    const guarded = guardedSettings.get(folded);
    if (guarded === undefined) continue;
    // A value that is not known (an expression, a reset) counts as harmful.
    if (value !== null && guarded.harmless.includes(value.toLowerCase().replaceAll("'", ''))) continue;
    if (guarded.isGrantable && isAllowed(folded)) continue;
    const to = value === null ? 'a value that is not known' : `"${value}"`;
    return `the setting ${folded} cannot be changed to ${to}, because ${guarded.why}`;
  }
  return null;
}
