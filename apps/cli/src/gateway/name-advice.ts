import type { ApiClient } from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import { nearestWord } from '@weir/policy';

/** Runs `work` about a connection; when the gateway does not know the name, the error names the nearest one that the user may see. */
export async function withNameAdvice<T>(api: ApiClient, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isWeirError(error) || error.code !== 'not_found') throw error;
    throw await advise(api, name, error);
  }
}

async function advise(api: ApiClient, name: string, error: WeirError): Promise<WeirError> {
  let names: string[];
  try {
    names = (await api.listConnections()).map((connection) => connection.name);
  } catch {
    // The first error says more than that the list failed, too.
    return error;
  }
  const nearest = nearestWord(name, names);
  const fix = nearest === undefined ? 'See what there is: weir ls' : `Did you mean "${nearest}"?`;
  return new WeirError('not_found', `There is no connection "${name}".`, { fix, cause: error });
}
