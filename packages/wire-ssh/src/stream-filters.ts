import type { FileHost } from './file-host.ts';
import { createScpFilter } from './scp/scp-filter.ts';
import { createSftpFilter } from './sftp/sftp-filter.ts';
import type { SshDecision, SshRequest, StreamProtocol } from './ssh-request.ts';
import type { FilterOutlets, StreamFilter } from './stream-filter.ts';

/** What a filter asks of the host. */
export interface FilterHost extends FileHost {
  judge(request: SshRequest): SshDecision | Promise<SshDecision>;
  note(code: 'refused' | 'protocol', text: string): void;
}

/** The filter of a protocol inside a session channel; null = bytes pass as they are. `within` is the ticket of what was started. */
export function createStreamFilter(
  protocol: StreamProtocol,
  within: unknown,
  host: FilterHost,
  outlets: FilterOutlets,
): StreamFilter | null {
  switch (protocol.name) {
    case 'raw':
      return null;
    case 'sftp':
      return createSftpFilter(protocol, within, host, outlets);
    case 'scp':
      return createScpFilter(protocol, within, host, outlets);
  }
}
