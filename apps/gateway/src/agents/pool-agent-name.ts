import { createHash } from 'node:crypto';
import { shortId } from '../identity/short-id.ts';

/**
 * The name of an agent of a pool. The same pod (namespace/name) always gets the same one, so that it replaces itself when its state is lost; two pods never do.
 * Others get one by chance.
 */
export function poolAgentName(pool: string, pod: string | undefined): string {
  if (pod === undefined) return `${pool.slice(0, 50)}-${shortId(8)}`;
  const hash = createHash('sha256').update(pod).digest('hex').slice(0, 8);
  const readable = (pod.split('/')[1] ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(-24);
  return [pool.slice(0, 24), readable.replaceAll(/^-+|-+$/g, ''), hash].filter((part) => part !== '').join('-');
}
