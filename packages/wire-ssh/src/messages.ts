/** A terminal's size: characters, and pixels (0 = not said). */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
}

/** Content of pty-req (RFC 4254, section 6.2). */
export interface TerminalRequest extends TerminalSize {
  readonly term: string;
  /** Encoded terminal modes (RFC 4254, section 8). */
  readonly modes: Buffer;
}

/** Content of x11-req (RFC 4254, section 6.3.1). */
export interface X11Request {
  readonly isSingle: boolean;
  readonly protocol: string;
  readonly cookie: string;
  readonly screen: number;
}

/** Content of exit-signal (RFC 4254, section 6.10); the name is without SIG. */
export interface ExitSignal {
  readonly signal: string;
  readonly isCoreDumped: boolean;
  readonly message: string;
}

/** A CHANNEL_REQUEST's type and fields (RFC 4254, section 6, and OpenSSH's PROTOCOL). */
export type ChannelRequest =
  | ({ readonly name: 'pty-req' } & TerminalRequest)
  | ({ readonly name: 'x11-req' } & X11Request)
  | { readonly name: 'env'; readonly variable: string; readonly value: string }
  | { readonly name: 'shell' }
  | { readonly name: 'exec'; readonly command: string }
  | { readonly name: 'subsystem'; readonly subsystem: string }
  | ({ readonly name: 'window-change' } & TerminalSize)
  /** To the client: may it stop its output by control-S itself? */
  | { readonly name: 'xon-xoff'; readonly isClientDoing: boolean }
  /** Name without SIG. */
  | { readonly name: 'signal'; readonly signal: string }
  /** RFC 4335. */
  | { readonly name: 'break'; readonly lengthMs: number }
  | { readonly name: 'exit-status'; readonly status: number }
  | ({ readonly name: 'exit-signal' } & ExitSignal)
  | { readonly name: 'auth-agent-req@openssh.com' }
  /** To whoever writes: what still comes is not read any more. */
  | { readonly name: 'eow@openssh.com' }
  /** Any other one. */
  | { readonly name: 'other'; readonly type: string; readonly data: Buffer };

/** A GLOBAL_REQUEST's type and fields (RFC 4254, section 7.1; OpenSSH's PROTOCOL, section 2.4). */
export type GlobalRequest =
  /** Port 0 = the target chooses one. */
  | { readonly name: 'tcpip-forward' | 'cancel-tcpip-forward'; readonly host: string; readonly port: number }
  | {
      readonly name: 'streamlocal-forward@openssh.com' | 'cancel-streamlocal-forward@openssh.com';
      readonly path: string;
    }
  | { readonly name: 'keepalive@openssh.com' | 'no-more-sessions@openssh.com' }
  | { readonly name: 'other'; readonly type: string; readonly data: Buffer };

/** A host and port, or a client's address, as SSH names it. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A channel that the target opens: its type and fields (RFC 4254, sections 6.3.2 and 7.2; OpenSSH's PROTOCOL and PROTOCOL.agent). */
export type IncomingChannel =
  /** `listener` is what the client had asked to listen at; `origin` who connected. */
  | { readonly type: 'forwarded-tcpip'; readonly listener: Endpoint; readonly origin: Endpoint }
  | { readonly type: 'forwarded-streamlocal@openssh.com'; readonly path: string }
  | { readonly type: 'x11'; readonly origin: Endpoint }
  | { readonly type: 'auth-agent@openssh.com' };

/**
 * What a lane channel of SSH carries, one way or the other: `uint32 length, byte number, fields`, the fields as in RFC 4254 but without channel
 * numbers and windows. Order is that of the lane; nothing may overtake.
 */
export type SshMessage =
  /** A piece of CHANNEL_DATA, or all of it: bytes of a stream, whose borders mean nothing. */
  | { readonly type: 'data'; readonly bytes: Buffer }
  /** Likewise of CHANNEL_EXTENDED_DATA. */
  | { readonly type: 'extended-data'; readonly code: number; readonly bytes: Buffer }
  | { readonly type: 'eof' | 'close' | 'success' | 'failure' }
  | { readonly type: 'request'; readonly wantReply: boolean; readonly request: ChannelRequest }
  /** In the lane channel of a connection only, as the next three. */
  | { readonly type: 'global-request'; readonly wantReply: boolean; readonly request: GlobalRequest }
  /** `port`: the one that the target chose, when it was asked to. */
  | { readonly type: 'request-success'; readonly port: number | null }
  | { readonly type: 'request-failure' }
  /** Up: the target opens a channel. `number` comes back as `incoming` of the lane channel that the gateway opens for it. */
  | { readonly type: 'open'; readonly number: number; readonly channel: IncomingChannel }
  /**
   * Of a connection: the target is signed in at. Of a forward: the destination is connected. Of a channel that the target opened: up = open it at
   * the client, then down = the client has it.
   */
  | { readonly type: 'open-confirmation' }
  /** Instead of a confirmation; the lane channel ends. `reason` is one of openFailure. */
  | { readonly type: 'open-failure'; readonly reason: number; readonly text: string }
  /** Of a connection, behind its confirmation: it has ended. `reason` is one of disconnectReason. */
  | { readonly type: 'disconnect'; readonly reason: number; readonly text: string };
