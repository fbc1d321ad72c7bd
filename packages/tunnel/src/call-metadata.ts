/** Metadata of a lane call: the instance that its control stream announced. */
export const instanceKey = 'weir-instance';

/** Metadata of a Connect call at the front door. */
export const frontMetadata = { authorization: 'authorization', session: 'weir-session' } as const;
