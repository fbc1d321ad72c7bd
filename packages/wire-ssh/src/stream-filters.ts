import type { FileHost } from './file-host.ts';
import type { SshDecision, SshRequest, StreamProtocol } from './ssh-request.ts';
import type { FilterOutlets, StreamFilter } from './stream-filter.ts';

/** What a filter asks of the host. */
export type FilterHost = FileHost & { judge(request: SshRequest): SshDecision | Promise<SshDecision> };

/** The filter of a protocol inside a session channel; null = bytes pass as they are. `within` is the ticket of what was started. */
export function createStreamFilter(
  protocol: StreamProtocol,
  _within: unknown,
  _host: FilterHost,
  outlets: FilterOutlets,
): StreamFilter | null {
  if (protocol.name === 'raw') return null;
  outlets.broken(`${protocol.name} is not understood`);
  return null;
}
