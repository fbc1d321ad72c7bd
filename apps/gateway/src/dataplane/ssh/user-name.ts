/** A user name as the native listener takes it. */
export interface SshUserName {
  readonly user: string;
  /** Null = the name does not say where to. */
  readonly connection: string | null;
}

/** Splits `user+connection` and `user#connection`, at the last of both: names of accounts may hold a plus, names of connections neither. */
export function splitUserName(name: string): SshUserName {
  const at = Math.max(name.lastIndexOf('+'), name.lastIndexOf('#'));
  if (at <= 0 || at === name.length - 1) return { user: name, connection: null };
  return { user: name.slice(0, at), connection: name.slice(at + 1) };
}
