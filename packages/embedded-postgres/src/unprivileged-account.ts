import { readFileSync } from 'node:fs';
import { WeirError } from '@weir/errors';

/** An account of the system that owns nothing. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account that PostgreSQL runs as when we are root, which it refuses to be: `nobody` by name, else user 65534. Undefined for an ordinary
 * user. initdb wants an entry in the list of accounts, so a bare number would not do. Throws WeirError `internal` when there is none.
 */
export function serverAccount(uid = process.getuid?.() ?? -1, passwdFile = '/etc/passwd'): Account | undefined {
  if (uid !== 0) return undefined;
  const accounts = parsePasswd(readFileSync(passwdFile, 'utf8'));
  const found = accounts.find((a) => a.name === 'nobody' && a.uid !== 0) ?? accounts.find((a) => a.uid === 65534);
  if (found) return found;
  throw new WeirError('internal', 'No account was found that PostgreSQL can run as.', {
    why: 'PostgreSQL refuses to run as root, and the system has no account "nobody".',
    fix: 'Run Weir as an ordinary user.',
  });
}

/** Entries of passwd(5); lines that are no entry are left out. */
export function parsePasswd(text: string): Account[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (!name || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}
