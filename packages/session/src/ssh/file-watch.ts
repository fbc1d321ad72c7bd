import { createHash } from 'node:crypto';
import type { SshGate, SshTicket } from '@weir/gate';
import { createStreamMask, type StreamMask } from '@weir/masking';
import type { ContentType } from '@weir/policy';
import type { ChannelEvent } from '@weir/recording';
import type { FileHost, FileRequest, SshRequest } from '@weir/wire-ssh';

/** Files of a session channel: what is asked about them, what detectors see in them, and what is recorded when they are done. */
export interface FileWatch extends FileHost {
  /** A request was let pass. */
  passed(request: SshRequest, ticket: SshTicket): void;
}

/** Content that is looked at piece by piece: what a detector needs to see lies in one direction of one file. */
interface Look {
  readonly finder: StreamMask;
  /** Where the next piece must begin for the two to be one text. */
  next: number;
  readonly told: Set<ContentType>;
}

/** Makes the watch of one channel. */
export function createFileWatch(
  gate: () => SshGate,
  record: (event: ChannelEvent) => void,
  now: () => number,
): FileWatch {
  const requests = new WeakMap<SshTicket, FileRequest>();
  const looks = new Map<unknown, Map<string, Look>>();
  const lookAt = (ticket: SshTicket, direction: string): Look => {
    const ofTicket = looks.get(ticket) ?? new Map<string, Look>();
    looks.set(ticket, ofTicket);
    const known = ofTicket.get(direction) ?? {
      finder: createStreamMask({ detect: ticket.content, mode: 'exec' }),
      ...{ next: 0, told: new Set<ContentType>() },
    };
    ofTicket.set(direction, known);
    return known;
  };
  const judge = (ticket: SshTicket, { finder, told }: Look): string | null => {
    const found = ticket.content.filter((type) => (finder.found as Record<string, number>)[type] && !told.has(type));
    if (found.length === 0) return null;
    for (const type of found) told.add(type);
    return gate().content(ticket, [...told]);
  };
  return {
    passed(request, ticket) {
      if (request.kind === 'file') requests.set(ticket, request);
    },
    hash: () => createHash('sha256'),
    content(given, direction, offset, bytes) {
      const ticket = given as SshTicket;
      const look = lookAt(ticket, direction);
      // A piece that does not follow the last one is a text of its own.
      if (offset !== look.next) look.finder.flush();
      look.next = offset + bytes.length;
      look.finder.push(bytes);
      return judge(ticket, look);
    },
    fileEnded(given, { bytesUp, bytesDown, sha256, isWhole, error }) {
      const ticket = given as SshTicket;
      const ofTicket = looks.get(ticket);
      looks.delete(ticket);
      for (const look of ofTicket?.values() ?? []) {
        look.finder.flush();
        // Too late to stop it: the rule is named in the record.
        const reason = judge(ticket, look);
        if (reason !== null) gate().note('content-found-late', reason, ticket.number);
      }
      if (!ticket.isRecorded) return;
      const request = requests.get(ticket);
      record({
        ...{ event: 'file', atMs: now(), statement: ticket.number },
        operation: operationOf(request),
        path: request?.absolutePath ?? request?.path ?? '',
        to: request?.absoluteTo ?? request?.to ?? null,
        bytes: bytesUp + bytesDown,
        ...{ sha256, isWhole, error },
      });
    },
  };
}

/** An open is told by what was done with the file. */
function operationOf(request: FileRequest | undefined): string {
  if (request === undefined) return '';
  if (request.operation !== 'open') return request.operation;
  return { upload: 'write', download: 'read', both: 'read-write', list: 'list', change: 'change' }[request.direction];
}
