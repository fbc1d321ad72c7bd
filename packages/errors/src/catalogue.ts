/** One row of the catalogue: how an error shows in HTTP, in the CLI's exit status and in the PostgreSQL protocol. */
export interface CatalogueEntry {
  /** What kind of problem it is, the same in every answer (`title` of RFC 9457). */
  readonly title: string;
  /** HTTP status of the API (RFC 9110). */
  readonly httpStatus: number;
  /** Exit status of the CLI: 1 internal, 2 usage, 3 cancelled, 4 sign-in, 5 denied, 6 approval pending, 7 unreachable, 8 target error. */
  readonly exitCode: number;
  /** SQLSTATE of the ErrorResponse (PostgreSQL Appendix A). */
  readonly sqlstate: string;
  /** What the user can do, when the thrower has nothing better. */
  readonly hint: string;
}

/** The one catalogue of error codes. A code is added here first and then used; codes are never renamed. */
export const catalogue = {
  internal: {
    title: 'Internal error',

    httpStatus: 500,
    exitCode: 1,
    sqlstate: 'XX000',
    hint: 'Try again; if it stays, send the log of the gateway to its operator.',
  },
  invalid_request: {
    title: 'Invalid request',

    httpStatus: 400,
    exitCode: 2,
    sqlstate: '22023',
    hint: 'Correct the request as the message says.',
  },
  protocol_violation: {
    title: 'Protocol violation',

    httpStatus: 400,
    exitCode: 2,
    sqlstate: '08P01',
    hint: 'Check that the client speaks the PostgreSQL protocol 3.0 to this port.',
  },
  feature_not_supported: {
    title: 'Feature not supported',

    httpStatus: 501,
    exitCode: 2,
    sqlstate: '0A000',
    hint: 'See the known limitations in the documentation.',
  },
  message_too_large: {
    title: 'Message too large',
    httpStatus: 413,
    exitCode: 2,
    sqlstate: '54000',
    hint: 'Send smaller messages.',
  },
  sign_in_required: {
    title: 'Sign-in required',
    httpStatus: 401,
    exitCode: 4,
    sqlstate: '28000',
    hint: 'Run: weir login',
  },
  wrong_password: {
    title: 'Wrong password',

    httpStatus: 401,
    exitCode: 4,
    sqlstate: '28P01',
    hint: 'Check name and password; session passwords end with their session.',
  },
  too_many_attempts: {
    title: 'Too many attempts',
    httpStatus: 429,
    exitCode: 4,
    sqlstate: '28000',
    hint: 'Wait a minute, then try again.',
  },
  rate_limited: {
    title: 'Too many requests',
    httpStatus: 429,
    exitCode: 7,
    sqlstate: '53400',
    hint: 'Wait as long as the header retry-after says, then try again.',
  },
  not_permitted: {
    title: 'Not permitted',

    httpStatus: 403,
    exitCode: 5,
    sqlstate: '42501',
    hint: 'Ask an administrator of the policy for access.',
  },
  statement_denied: {
    title: 'Statement denied',

    httpStatus: 403,
    exitCode: 5,
    sqlstate: '42501',
    hint: 'Change the statement as the reason says, or ask an administrator of the policy.',
  },
  statement_not_understood: {
    title: 'Statement not understood',

    httpStatus: 403,
    exitCode: 5,
    sqlstate: '42501',
    hint: 'Rewrite the statement so that its effect can be known before it runs.',
  },
  approval_pending: {
    title: 'Approval pending',

    httpStatus: 202,
    exitCode: 6,
    sqlstate: '42501',
    hint: 'Send the same statement again after it was approved.',
  },
  approval_denied: {
    title: 'Approval denied',
    httpStatus: 403,
    exitCode: 5,
    sqlstate: '42501',
    hint: 'Talk to the person who denied it.',
  },
  approval_expired: {
    title: 'Approval expired',

    httpStatus: 403,
    exitCode: 5,
    sqlstate: '42501',
    hint: 'Send the statement again to make a new request.',
  },
  self_approval: {
    title: 'Self-approval',
    httpStatus: 403,
    exitCode: 5,
    sqlstate: '42501',
    hint: 'Another person must decide.',
  },
  not_found: {
    title: 'Not found',
    httpStatus: 404,
    exitCode: 2,
    sqlstate: '3D000',
    hint: 'Run: weir ls',
  },
  conflict: {
    title: 'Conflict',
    httpStatus: 409,
    exitCode: 2,
    sqlstate: '42710',
    hint: 'Look at what exists, then choose another name.',
  },
  precondition_failed: {
    title: 'Precondition failed',
    httpStatus: 412,
    exitCode: 2,
    sqlstate: '40001',
    hint: 'Read it again, then send the change with the new version.',
  },
  idempotency_key_reused: {
    title: 'Idempotency key reused',
    httpStatus: 422,
    exitCode: 2,
    sqlstate: '22023',
    hint: 'Send a new key with a new request, and the same request with the same key.',
  },
  policy_invalid: {
    title: 'Policy invalid',
    httpStatus: 422,
    exitCode: 2,
    sqlstate: 'F0000',
    hint: 'Run: weir policy lint FILE',
  },
  query_canceled: {
    title: 'Statement cancelled',
    httpStatus: 499,
    exitCode: 3,
    sqlstate: '57014',
    hint: 'Nothing ran.',
  },
  session_ended: {
    title: 'Session ended',
    httpStatus: 410,
    exitCode: 5,
    sqlstate: '57P01',
    hint: 'Open a new session: weir connect NAME',
  },
  agent_unavailable: {
    title: 'Agent unavailable',

    httpStatus: 503,
    exitCode: 7,
    sqlstate: '08006',
    hint: 'Check that the agent runs: weir status',
  },
  gateway_unavailable: {
    title: 'Gateway unavailable',

    httpStatus: 503,
    exitCode: 7,
    sqlstate: '08006',
    hint: 'Check that the gateway runs: weir doctor',
  },
  target_unavailable: {
    title: 'Target unavailable',

    httpStatus: 502,
    exitCode: 7,
    sqlstate: '08001',
    hint: 'Check address, network and TLS of the target: weir connections test NAME',
  },
  target_error: {
    title: 'Target error',
    httpStatus: 502,
    exitCode: 8,
    sqlstate: '08000',
    hint: 'Look at the log of the target.',
  },
  recording_unavailable: {
    title: 'Recording unavailable',

    httpStatus: 503,
    exitCode: 7,
    sqlstate: '58030',
    hint: 'The gateway cannot store evidence; free disk space or check its permissions.',
  },
  evidence_broken: {
    title: 'Evidence broken',

    httpStatus: 500,
    exitCode: 1,
    sqlstate: 'XX001',
    hint: 'Keep the files as they are and tell the security team.',
  },
} as const satisfies Record<string, CatalogueEntry>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof catalogue;

/** URI of a code in problem details (RFC 9457, `type`). */
export function problemType(code: ErrorCode): string {
  return `urn:weir:error:${code}`;
}
