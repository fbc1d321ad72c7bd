/** How a delivery ended. `retry`: worth another try, not before `afterMs` when the receiver named a time. */
export type DeliveryResult =
  | { readonly state: 'sent' }
  | { readonly state: 'retry' | 'failed'; readonly why: string; readonly afterMs?: number };

/** Longest time of one request, until its status is there. */
const defaultTimeoutMs = 10_000;
/** Answers that mean "later", besides all of 500 and more. */
const passing: readonly number[] = [408, 409, 425, 429];
/** Longest pause that a receiver may ask for. */
const maxAfterMs = 3_600_000;

/**
 * Posts JSON to an address of the configuration. Redirects are not followed: they could lead to an address inside the network that nobody
 * configured. The answer's body is not read. Never throws.
 */
export async function postJson(
  url: string,
  body: string,
  { headers = {}, timeoutMs = defaultTimeoutMs }: { headers?: Record<string, string>; timeoutMs?: number } = {},
): Promise<DeliveryResult> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'weir-gateway', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    return { state: 'retry', why: reasonOf(error) };
  }
  await response.body?.cancel().catch((error: unknown) => reasonOf(error));
  const { status } = response;
  if (status >= 200 && status < 300) return { state: 'sent' };
  if (status >= 300 && status < 400)
    return { state: 'failed', why: `it answered ${status}, and redirects are not followed` };
  const why = `it answered ${status}`;
  if (status < 500 && !passing.includes(status)) return { state: 'failed', why };
  const seconds = Number(response.headers.get('retry-after'));
  return { state: 'retry', why, ...(seconds > 0 ? { afterMs: Math.min(seconds * 1000, maxAfterMs) } : {}) };
}

/** The cause in short: messages of fetch hold no address, which can be a secret. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the request failed';
  if (error.name === 'TimeoutError') return 'it did not answer in time';
  const { cause } = error;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : error.name;
  return `it cannot be reached (${code})`;
}
