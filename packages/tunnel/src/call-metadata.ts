/** Metadata of a Connect call at the front door. */
export const frontMetadata = { authorization: 'authorization', session: 'weir-session' } as const;
