import { Judging } from '../judging.ts';
import type { StreamProtocol } from '../ssh-request.ts';
import type { FilterOutlets, StreamFilter } from '../stream-filter.ts';
import type { FilterHost } from '../stream-filters.ts';
import { SftpClientSide } from './client-side.ts';
import { SftpServerSide } from './server-side.ts';
import { SftpState } from './sftp-state.ts';

/**
 * Reads sftp, version 3 (draft-ietf-secsh-filexfer-02, OpenSSH's PROTOCOL section 4), between a client and a server: each operation on a path is
 * judged before the server sees it; packets that may go on pass as they came.
 */
export function createSftpFilter(
  { isByLetters = false }: Extract<StreamProtocol, { name: 'sftp' }>,
  within: unknown,
  host: FilterHost,
  outlets: FilterOutlets,
): StreamFilter {
  const state = new SftpState(host, within, isByLetters, outlets);
  const goOn = () => {
    client.pump();
    if (state.phase !== 'over' && !client.isWaiting) outlets.resumed();
  };
  const judging = new Judging(host, goOn);
  const client = new SftpClientSide(state, judging, (text) => host.note('refused', text));
  const server = new SftpServerSide(state);
  return {
    fromClient: (bytes) => client.feed(bytes),
    fromServer(bytes) {
      const wasWaiting = client.isWaiting;
      server.feed(bytes);
      if (wasWaiting && state.phase !== 'over' && !client.isWaiting) goOn();
    },
    clientEnded: () => outlets.endServer(),
    serverEnded: () => undefined,
    get isWaiting() {
      return state.phase !== 'over' && client.isWaiting;
    },
    end(why) {
      judging.end();
      state.end(why);
    },
  };
}
