/** Longest document of an issuer that is read, bytes. */
const maxBytes = 256 * 1024;
const timeoutMs = 5000;

/** Why a document could not be had; it becomes part of an audit event. */
export class DocumentProblem extends Error {}

/**
 * Reads a JSON document of an issuer. Redirections are refused: they would lead where no rule has allowed.
 * @throws DocumentProblem
 */
export async function fetchJson(url: string, fetchOf: typeof fetch): Promise<unknown> {
  const { host } = new URL(url);
  let response: Response;
  try {
    response = await fetchOf(url, {
      headers: { accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (cause) {
    throw new DocumentProblem(`${host} does not answer`, { cause });
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new DocumentProblem(`${host} answers with status ${response.status}`);
  }
  try {
    return JSON.parse(await readBounded(response)) as unknown;
  } catch (cause) {
    if (cause instanceof DocumentProblem) throw cause;
    throw new DocumentProblem(`${host} answers with something else than JSON`, { cause });
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new DocumentProblem(`a document of the issuer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
