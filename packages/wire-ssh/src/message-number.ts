/** Numbers of the messages that lane channels carry (RFC 4254, section 9; `disconnect` is RFC 4253's). */
export const messageNumber = {
  disconnect: 1,
  globalRequest: 80,
  requestSuccess: 81,
  requestFailure: 82,
  channelOpen: 90,
  channelOpenConfirmation: 91,
  channelOpenFailure: 92,
  channelData: 94,
  channelExtendedData: 95,
  channelEof: 96,
  channelClose: 97,
  channelRequest: 98,
  channelSuccess: 99,
  channelFailure: 100,
} as const;

/** Code of stderr in CHANNEL_EXTENDED_DATA (RFC 4254, section 5.2). */
export const extendedDataStderr = 1;

/** Reasons of CHANNEL_OPEN_FAILURE (RFC 4254, section 5.1). */
export const openFailure = { prohibited: 1, connectFailed: 2, unknownType: 3, resourceShortage: 4 } as const;

/** Reasons of DISCONNECT that are used here (RFC 4253, section 11.1). */
export const disconnectReason = { protocolError: 2, connectionLost: 10, byApplication: 11 } as const;
