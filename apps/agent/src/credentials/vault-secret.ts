import { readFile } from 'node:fs/promises';
import { fetchJson, tryText } from './fetch-json.ts';
import { credentialMissing } from './missing.ts';

/** A field of a secret of HashiCorp Vault or OpenBao, by its API path, e.g. `secret/data/orders` (KV 2) or `kv/orders` (KV 1). */
export interface VaultReference {
  readonly path: string;
  readonly field: string;
}

/**
 * Reads a secret by Vault's HTTP API (`GET /v1/<path>`). The agent's environment says where and as whom, in Vault's own words: `VAULT_ADDR`, `VAULT_CACERT`
 * (file), `VAULT_NAMESPACE`, and one of `VAULT_TOKEN`, `VAULT_TOKEN_FILE`, or `VAULT_K8S_ROLE` (sign-in by the pod's service account; mount path in `VAULT_K8S_MOUNT`).
 */
export async function readVaultSecret({ path, field }: VaultReference, env: NodeJS.ProcessEnv): Promise<string> {
  const address = env['VAULT_ADDR'];
  if (address === undefined || !URL.canParse(address)) {
    throw credentialMissing(`VAULT_ADDR is not set at the agent, so it cannot read ${path}`);
  }
  const ca = env['VAULT_CACERT'] === undefined ? undefined : await readText(env['VAULT_CACERT']);
  const namespace = env['VAULT_NAMESPACE'];
  const base = { ca, headers: namespace === undefined ? {} : { 'x-vault-namespace': namespace } };
  const at = (suffix: string) => new URL(`/v1/${suffix.split('/').map(encodeURIComponent).join('/')}`, address);
  const token = await tokenOf(env, async (role, jwt, mount) => {
    const what = `the sign-in at ${new URL(address).host} with the role ${role}`;
    const answer = await fetchJson({
      ...base,
      url: at(`auth/${mount}/login`),
      method: 'POST',
      body: { role, jwt },
      what,
    });
    const given = tryText(answer, 'auth', 'client_token');
    if (given === undefined) throw credentialMissing(`${what} gave no token`);
    return given;
  });
  const answer = await fetchJson({
    ...base,
    url: at(path),
    headers: { ...base.headers, 'x-vault-token': token },
    what: `the secret ${path} of Vault`,
  });
  // KV 2 puts the secret one level deeper than the other engines do.
  const value = tryText(answer, 'data', 'data', field) ?? tryText(answer, 'data', field);
  if (value === undefined) throw credentialMissing(`the secret ${path} of Vault has no text field ${field}`);
  return value;
}

async function tokenOf(
  env: NodeJS.ProcessEnv,
  signIn: (role: string, jwt: string, mount: string) => Promise<string>,
): Promise<string> {
  const { VAULT_TOKEN: token, VAULT_TOKEN_FILE: file, VAULT_K8S_ROLE: role } = env;
  if (token !== undefined && token !== '') return token;
  if (file !== undefined) return (await readText(file)).trim();
  if (role === undefined) {
    throw credentialMissing('none of VAULT_TOKEN, VAULT_TOKEN_FILE and VAULT_K8S_ROLE is set at the agent');
  }
  const folder = env['WEIR_KUBERNETES_FOLDER'] ?? '/var/run/secrets/kubernetes.io/serviceaccount';
  return signIn(role, (await readText(`${folder}/token`)).trim(), env['VAULT_K8S_MOUNT'] ?? 'kubernetes');
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw credentialMissing(`the agent cannot read ${path}: ${cause.code ?? cause.message}`, cause);
  });
}
