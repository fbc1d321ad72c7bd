import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { catalogue, type ErrorCode, isWeirError, WeirError } from '@weir/errors';

/** Trailer that carries a code of the catalogue beside gRPC's own status. */
const codeKey = 'weir-code';
const fixKey = 'weir-fix-bin';

/** gRPC status for what a WeirError means; clients go by the code in the trailer. */
function statusFor(code: ErrorCode): status {
  const { httpStatus } = catalogue[code];
  if (httpStatus === 401) return status.UNAUTHENTICATED;
  if (httpStatus === 403) return status.PERMISSION_DENIED;
  if (httpStatus === 404) return status.NOT_FOUND;
  if (httpStatus === 503 || httpStatus === 502) return status.UNAVAILABLE;
  return httpStatus >= 500 ? status.INTERNAL : status.FAILED_PRECONDITION;
}

/** The form in which a server ends a call with an error. What is not a WeirError stays in the log: the peer sees `internal`. */
export function toServiceError(error: unknown): Partial<StatusObject> & Error {
  const known = isWeirError(error)
    ? error
    : new WeirError('internal', 'The gateway failed inside; see its log.', { cause: error });
  const metadata = new Metadata();
  metadata.set(codeKey, known.code);
  metadata.set(fixKey, Buffer.from(known.fix));
  const details = known.why === undefined ? known.message : `${known.message} ${known.why}`;
  return Object.assign(new Error(details), { code: statusFor(known.code), details, metadata });
}

/** The error that a failed call means. `address` is named when the server said nothing of its own. */
export function fromServiceError(error: unknown, address: string): WeirError {
  if (isWeirError(error)) return error;
  if (!isServiceError(error)) {
    return new WeirError('gateway_unavailable', `The gateway at ${address} cannot be used.`, { cause: error });
  }
  const code = error.metadata?.get(codeKey)[0];
  if (typeof code === 'string' && Object.hasOwn(catalogue, code)) {
    const fix = error.metadata.get(fixKey)[0];
    return new WeirError(code as ErrorCode, error.details, {
      cause: error,
      ...(Buffer.isBuffer(fix) ? { fix: fix.toString() } : {}),
    });
  }
  const why = readable(error);
  if (unknownAuthority.test(why)) {
    return new WeirError('gateway_unavailable', `The gateway at ${address} cannot be reached.`, {
      why: `The certificate there is of a CA that is not known here (${why}). An agent that was away while the gateway's CA was replaced must be enrolled anew.`,
      fix: 'Check the address. If it is right: weir agent token NAME, then weir agent enrol.',
      cause: error,
    });
  }
  return new WeirError('gateway_unavailable', `The gateway at ${address} cannot be reached.`, { why, cause: error });
}

/** How OpenSSL says that a certificate leads to no CA that is trusted. */
const unknownAuthority = /self[- ]signed certificate|unable to (?:verify the first|get (?:local )?issuer) certificate/;

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'details' in error && 'metadata' in error && error.metadata instanceof Metadata;
}

/** grpc-js wraps the interesting part: "No connection established. Last error: … (time)". */
function readable(error: ServiceError): string {
  const last = /Last error: (.*?)(?: \(\d{4}-[^)]*\))?(?:\. Resolution note:.*)?$/s.exec(error.details);
  return last?.[1] ?? (error.details === '' ? status[error.code] : error.details);
}
