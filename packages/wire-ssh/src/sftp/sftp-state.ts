import type { ContentTally, FileDecision } from '../content-tally.ts';
import { plainOutcome } from '../content-tally.ts';
import type { FileHost } from '../file-host.ts';
import { SliceOutlet } from '../slice-outlet.ts';
import type { FileRequest } from '../ssh-request.ts';
import type { FilterOutlets } from '../stream-filter.ts';
import type { OperationContext } from './file-operations.ts';
import { encodeStatus, statusCode } from './packet.ts';

/** A file or directory behind a handle. */
export interface OpenFile {
  readonly request: FileRequest;
  readonly tally: ContentTally;
  readonly isDirectory: boolean;
  readonly canRead: boolean;
  readonly canWrite: boolean;
}

/** A request of the client that the server has not answered. */
export interface Pending {
  readonly type: number;
  /** Of a judged operation. */
  readonly judged: { readonly request: FileRequest; readonly decision: FileDecision } | null;
  /** Of a request with a handle. */
  readonly file: OpenFile | null;
  /** READ: its place in the file. */
  readonly offset: number;
  /** Of a request that the filter itself made: takes the path that the server answers, null = none. */
  readonly own?: (path: string | null) => void;
}

/** Requests that may be without an answer; a client that sends more waits. */
const maxPending = 4096;
/** Handles that may be open. */
export const maxHandles = 10_000;
/** Answers of our own that may wait for the end of a server's packet. */
const maxWaitingReplies = 1000;
/** Notices about refusals that a person gets in one channel. */
const maxNotices = 100;

/** What both sides of one sftp stream share. */
export class SftpState {
  readonly host: FileHost;
  readonly outlets: FilterOutlets;
  readonly toClient: SliceOutlet;
  readonly toServer: SliceOutlet;
  readonly pending = new Map<number, Pending>();
  /** By handle (latin1). */
  readonly files = new Map<string, OpenFile>();
  readonly within: unknown;
  /** The server is not asked where paths really lead. */
  readonly isByLetters: boolean;
  /** `version`: INIT was sent; `home`: the server was asked where it stands. */
  phase: 'init' | 'version' | 'home' | 'ready' | 'over' = 'init';
  /** Where relative paths begin at the server. */
  folder: string | null = null;
  /** Payload of a server's packet is on its way to the client: nothing may be put between. */
  isMidPayload = false;
  readonly #waitingReplies: Buffer[] = [];
  #lastNotice = '';
  #notices = 0;

  constructor(host: FileHost, within: unknown, isByLetters: boolean, outlets: FilterOutlets) {
    this.host = host;
    this.isByLetters = isByLetters;
    this.within = within;
    this.outlets = outlets;
    this.toClient = new SliceOutlet((bytes) => outlets.toClient(bytes));
    this.toServer = new SliceOutlet((bytes) => outlets.toServer(bytes));
  }

  /** The client has to wait: the server owes it many answers, or nothing of ours can be put in. */
  get isFull(): boolean {
    return this.pending.size >= maxPending || this.#waitingReplies.length >= maxWaitingReplies;
  }

  get context(): OperationContext {
    return { within: this.within, folder: this.folder };
  }

  /** An id that no request has which the server has not answered. */
  freeId(): number {
    let id = 0xffff_ffff;
    while (this.pending.has(id)) id--;
    return id;
  }

  /** Answers a request in the server's place. */
  reply(id: number, code: number, message: string): void {
    const bytes = encodeStatus(id, code, message);
    if (this.isMidPayload) this.#waitingReplies.push(bytes);
    else this.toClient.send(bytes);
  }

  /** Refuses a request; the text goes to the person as well. */
  deny(id: number, text: string): void {
    this.reply(id, statusCode.permissionDenied, text.replaceAll(/\s*\n\s*/g, ' '));
    if (text === this.#lastNotice || this.#notices >= maxNotices) return;
    this.#lastNotice = text;
    this.#notices++;
    this.outlets.notice(text);
  }

  /** The payload of a server's packet has ended. */
  endPayload(): void {
    this.isMidPayload = false;
    for (const bytes of this.#waitingReplies.splice(0)) this.toClient.send(bytes);
  }

  /** The stream cannot be trusted any more. */
  broken(text: string): void {
    if (this.phase === 'over') return;
    this.toClient.flush();
    this.toServer.flush();
    this.outlets.broken(text);
  }

  /** Everything that is open ends. */
  end(why: string): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    for (const { judged, file } of this.pending.values()) {
      file?.tally.finish(why);
      if (judged !== null) this.host.fileEnded(judged.decision.ticket, plainOutcome(why));
    }
    for (const { tally } of this.files.values()) tally.finish(why);
    this.pending.clear();
    this.files.clear();
  }
}
