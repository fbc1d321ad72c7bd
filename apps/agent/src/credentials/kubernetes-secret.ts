import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchJson, tryText } from './fetch-json.ts';
import { credentialMissing } from './missing.ts';

/** A key of a Kubernetes Secret; the namespace is the agent's own when absent. */
export interface KubernetesSecretReference {
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly key: string;
}

/** Where Kubernetes mounts a pod's identity ("Accessing the Kubernetes API from a Pod"). */
const mountedFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Reads a Secret with the pod's own service account (core/v1, `GET /api/v1/namespaces/NS/secrets/NAME`; it needs the RBAC verb `get` on this Secret).
 * `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT` say where; `WEIR_KUBERNETES_FOLDER` replaces the folder with token, ca.crt and namespace.
 */
export async function readKubernetesSecret(
  { namespace, name, key }: KubernetesSecretReference,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  const folder = env['WEIR_KUBERNETES_FOLDER'] ?? mountedFolder;
  if (host === undefined || host === '') {
    throw credentialMissing(`the agent does not run in a Kubernetes pod, so it has no Secret ${name}`);
  }
  const read = (file: string) =>
    readFile(join(folder, file), 'utf8').catch((cause: NodeJS.ErrnoException) => {
      const why = `the agent cannot read ${join(folder, file)}: ${cause.code ?? cause.message}`;
      throw credentialMissing(why, cause, 'Run the agent with automountServiceAccountToken: true.');
    });
  // The token is rotated on disk: it is read each time.
  const [token, ca, own] = await Promise.all([
    read('token'),
    read('ca.crt'),
    namespace === undefined ? read('namespace') : namespace,
  ]);
  const where = `${own.trim()}/${name}`;
  const path = `/api/v1/namespaces/${encodeURIComponent(own.trim())}/secrets/${encodeURIComponent(name)}`;
  const answer = await fetchJson({
    url: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`),
    headers: { authorization: `Bearer ${token.trim()}` },
    ca,
    what: `the Kubernetes Secret ${where}`,
  });
  const value = tryText(answer, 'data', key);
  if (value === undefined) throw credentialMissing(`the Kubernetes Secret ${where} has no key ${key}`);
  return Buffer.from(value, 'base64').toString('utf8');
}
