/** A compiled glob: true when the text matches. */
export type GlobMatch = (text: string) => boolean;

/**
 * Compiles a glob over names: `*` stands for any characters (none, dots and slashes included), `?` for exactly one, everything else for itself.
 * Nothing can be escaped. Matching takes at most pattern x text steps, so a hostile name cannot stall it.
 */
export function createGlob(pattern: string, options: { readonly ignoreCase: boolean }): GlobMatch {
  const fold = options.ignoreCase ? (text: string) => text.toLowerCase() : (text: string) => text;
  const folded = fold(pattern);
  if (/^\*+$/.test(folded)) return () => true;
  if (!/[*?]/.test(folded)) return (text) => fold(text) === folded;
  return (text) => matchWildcards(folded, fold(text));
}

/** Compiles a list of globs into one test: true when any matches; an empty list matches nothing. */
export function createGlobs(patterns: readonly string[], options: { readonly ignoreCase: boolean }): GlobMatch {
  const globs = patterns.map((pattern) => createGlob(pattern, options));
  return (text) => globs.some((matches) => matches(text));
}

/** A compiled glob over a dotted name; each part is matched by the part at the same place. */
export type PathMatch = (...parts: readonly string[]) => boolean;

/**
 * Compiles globs over dotted catalog names (`schema.table`, `schema.table.column`). Parts are matched one by one, so `*` does not cross a dot of
 * the pattern and a dot inside a quoted name stays inside its part. Case is ignored: a protected name must not escape by its spelling.
 */
export function createPathGlobs(patterns: readonly string[]): PathMatch {
  const paths = patterns.map((pattern) => pattern.split('.').map((part) => createGlob(part, { ignoreCase: true })));
  return (...parts) =>
    paths.some((path) => path.length === parts.length && path.every((matches, index) => matches(parts[index] ?? '')));
}

/** True when every text that `narrow` matches is matched by `wide` too. Sound, not complete: some covered pairs give false. */
export function isGlobCovering(wide: string, narrow: string): boolean {
  if (/^\*+$/.test(wide) || wide === narrow) return true;
  // The narrow pattern is matched as text; its own wildcards may then be taken by `*` only.
  return matchWildcards(wide, narrow, (taken) => taken !== '*' && taken !== '?');
}

/** isGlobCovering for dotted names, part by part, case ignored. */
export function isPathCovering(wide: string, narrow: string): boolean {
  const wideParts = wide.toLowerCase().split('.');
  const narrowParts = narrow.toLowerCase().split('.');
  return (
    wideParts.length === narrowParts.length &&
    wideParts.every((part, index) => isGlobCovering(part, narrowParts[index] ?? ''))
  );
}

/** Greedy wildcard match with one point of return. `canTake` says which characters `?` may stand for. */
function matchWildcards(pattern: string, text: string, canTake: (taken: string) => boolean = () => true): boolean {
  let at = 0;
  let inText = 0;
  let starAt = -1;
  let starText = 0;
  while (inText < text.length) {
    const wanted = pattern[at];
    const found = text[inText] ?? '';
    if (wanted === '*') {
      starAt = at;
      starText = inText;
      at += 1;
    } else if (wanted !== undefined && ((wanted === '?' && canTake(found)) || (wanted === found && wanted !== '?'))) {
      at += 1;
      inText += 1;
    } else if (starAt >= 0) {
      starText += 1;
      inText = starText;
      at = starAt + 1;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
