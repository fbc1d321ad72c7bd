import type { ErrorCode } from '@weir/errors';
import { z } from 'zod';

/** What a route takes and gives, beside its method and path. */
export interface RouteContract {
  /** One sentence for people. */
  readonly summary: string;
  /** `public`, `signed-in`, or the permission that its caller must hold; the gateway checks the same word. */
  readonly needs: string;
  /** Status of a success. */
  readonly status: 200 | 201 | 204;
  /** Parameters of the path that are not names or ids of the usual kind. */
  readonly params?: Readonly<Record<string, z.ZodType>>;
  readonly query?: z.ZodObject;
  /** Absent = the route takes no body. */
  readonly body?: z.ZodType;
  /** A JSON body's schema, lines of JSON, bytes; absent = the answer has no body. */
  readonly answer?: z.ZodType | { readonly lines: z.ZodType } | 'bytes';
  /**
   * The thing has versions, sent as entity tags. `read`: the answer has one, and If-None-Match is heard; `put`: so has the answer, and If-Match and
   * If-None-Match are heard; `delete`: If-Match is heard.
   */
  readonly versioned?: 'read' | 'put' | 'delete';
  /** Codes beyond those that every route of its kind can answer with (commonCodes). */
  readonly errors?: readonly ErrorCode[];
}

/** Does the route answer with a page of a list? */
export function isList({ answer }: RouteContract): boolean {
  return answer instanceof z.ZodArray;
}

/** Codes that a route can answer with because of its kind: bad input, no sign-in, no permission. */
export function commonCodes(route: RouteContract): ErrorCode[] {
  return [
    ...(['internal', 'invalid_request', 'message_too_large', 'rate_limited'] as const),
    ...(route.needs === 'public' ? [] : (['sign_in_required'] as const)),
    ...(route.versioned === 'put' || route.versioned === 'delete' ? (['precondition_failed'] as const) : []),
    ...(route.needs === 'public' || route.needs === 'signed-in' ? [] : (['not_permitted'] as const)),
  ];
}

/** All codes that a route can answer with, each once. */
export function codesOf(route: RouteContract): ErrorCode[] {
  return [...new Set([...commonCodes(route), ...(route.errors ?? [])])];
}
