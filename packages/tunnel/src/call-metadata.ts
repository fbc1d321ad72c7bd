import { FrontDoor } from '@weir/proto';

/** Metadata of a Connect call at the front door. */
export const frontMetadata = { authorization: 'authorization', proof: 'dpop', session: 'weir-session' } as const;

/** What a proof for a Connect call names. No server has this address, so that the proof is good for nothing else. */
export const frontProofTarget = {
  method: 'POST',
  url: `https://weir-front/${FrontDoor.typeName}/${FrontDoor.method.connect.name}`,
} as const;
