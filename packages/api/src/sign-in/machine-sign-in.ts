import { WeirError } from '@weir/errors';
import { requestTokens, type ServerMetadata, TokenRefusal, type Tokens } from './authorization-server.ts';
import type { DpopKey } from './dpop-key.ts';

/** Id of jobs and services at the gateway's authorization server. */
export const machineClientId = 'weir-machine';

/** What a job or a service shows. */
export interface MachineSecret {
  /** `token`: of a CI system or cluster; `key`: of a service account. */
  readonly by: 'token' | 'key';
  readonly secret: string;
  /** The trust rule that is meant, where several would take the token. */
  readonly rule?: string | undefined;
  /** Name of the person for whom it acts. */
  readonly actingFor?: string | undefined;
}

/** Exchanges it for an access token (RFC 8693). @throws WeirError not_permitted when the gateway does not take it, gateway_unavailable. */
export async function signInAsMachine(
  metadata: ServerMetadata,
  { by, secret, rule, actingFor }: MachineSecret,
  key: DpopKey,
  fetchOf = fetch,
): Promise<Tokens> {
  const parameters = {
    client_id: machineClientId,
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: secret,
    subject_token_type: by === 'key' ? 'urn:weir:oauth:token-type:service-key' : 'urn:ietf:params:oauth:token-type:jwt',
    ...(rule === undefined ? {} : { rule }),
    ...(actingFor === undefined ? {} : { acting_for: actingFor }),
  };
  try {
    return await requestTokens(metadata, parameters, key, fetchOf);
  } catch (error) {
    if (!(error instanceof TokenRefusal)) throw error;
    throw new WeirError('not_permitted', `The gateway does not take this ${by}.`, {
      why: error.description === '' ? error.error : error.description,
      fix:
        by === 'key'
          ? 'Ask an administrator: weir audit ls --action machine-refused'
          : 'Ask an administrator for the reason (weir audit ls --action machine-refused), or try it yourself: weir policy trust FILE --token-file TOKEN',
    });
  }
}
