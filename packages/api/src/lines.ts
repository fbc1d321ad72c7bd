import { WeirError } from '@weir/errors';

/** Longest line of an event stream, bytes: a record holds at most a statement of 16 MiB and its sample, doubled by JSON's escapes. */
const maxLineBytes = 64 * 1024 * 1024;

/** Splits a body into lines (LF), empty lines left out. @throws WeirError gateway_unavailable when it breaks off, message_too_large. */
export async function* readLines(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of response.body) {
      rest += decoder.decode(chunk, { stream: true });
      if (rest.length > maxLineBytes) throw new WeirError('message_too_large', 'A line of the answer is too long.');
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield line;
    }
  } catch (cause) {
    if (cause instanceof WeirError) throw cause;
    throw new WeirError('gateway_unavailable', 'The connection to the gateway broke.', { cause });
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
