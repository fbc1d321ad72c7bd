import { createGlobs } from './glob.ts';
import type { ConnectionFacts, Principal } from './principal.ts';
import type { Connections, Exempt, Who } from './schema/selector.ts';

const exact = { ignoreCase: false };

/** Is the principal among those that the selector names? An absent selector names everyone. */
export function isNamed(who: Who | undefined, principal: Principal): boolean {
  if (who === undefined) return true;
  const isEveryone = who.groups === undefined && who.principals === undefined;
  const isIncluded = isEveryone || inGroups(who.groups, principal) || isPrincipal(who.principals, principal);
  const isOfKind = who.kinds === undefined || who.kinds.includes(principal.kind);
  const isExcepted = inGroups(who.exceptGroups, principal) || isPrincipal(who.exceptPrincipals, principal);
  const isActing = principal.actingFor !== undefined;
  const isOfWay = who.actingFor === undefined || (who.actingFor === 'required') === isActing;
  return isIncluded && isOfKind && isOfWay && !isExcepted;
}

/** Is the name among these globs? Case counts. */
export function isNameAmong(patterns: readonly string[], name: string): boolean {
  return createGlobs(patterns, exact)(name);
}

/** Does the principal see the columns of the rule in clear? Only a named exemption says yes. */
export function isExempt(exempt: Exempt | undefined, principal: Principal): boolean {
  if (exempt === undefined) return false;
  return inGroups(exempt.groups, principal) || isPrincipal(exempt.principals, principal);
}

/** Is the connection among those that the selector names? An absent selector names all. */
export function isReached(connections: Connections | undefined, connection: ConnectionFacts): boolean {
  if (connections === undefined) return true;
  const hasName = connections.names === undefined || createGlobs(connections.names, exact)(connection.name);
  const hasLabels = Object.entries(connections.labels ?? {}).every(([key, pattern]) => {
    const value = Object.hasOwn(connection.labels, key) ? connection.labels[key] : undefined;
    return value !== undefined && createGlobs([pattern], exact)(value);
  });
  return hasName && hasLabels;
}

function inGroups(patterns: readonly string[] | undefined, principal: Principal): boolean {
  return patterns !== undefined && principal.groups.some(createGlobs(patterns, exact));
}

/** Principals are named by name or by id. */
function isPrincipal(patterns: readonly string[] | undefined, principal: Principal): boolean {
  if (patterns === undefined) return false;
  const matches = createGlobs(patterns, exact);
  return matches(principal.name) || matches(principal.id);
}
