import { readFile } from 'node:fs/promises';
import { WeirError } from '@weir/errors';
import { parsePolicySources } from '@weir/policy';
import type { Agents } from '../agents/agents.ts';
import type { Connections } from '../connections/connections.ts';
import type { Identity } from '../identity/identity.ts';
import type { Policies } from '../policies/policies.ts';
import type { BootstrapConfig } from './config-schema.ts';
import { writeFileAtomically } from './write-file.ts';

/** Life of the join tokens that are written at start. */
const joinTokenTtlSeconds = 86_400;

/** Adds users and connections that do not exist yet, and the policy if none was ever applied. @throws WeirError invalid_request, policy_invalid. */
export async function applyBootstrap(
  bootstrap: BootstrapConfig,
  parts: { readonly identity: Identity; readonly connections: Connections; readonly policies: Policies },
): Promise<void> {
  for (const { name, password, passwordFile, groups, roles } of bootstrap.users) {
    const text = password ?? (await readText(passwordFile ?? '', `the password of ${name}`)).replace(/\r?\n$/, '');
    await parts.identity.ensureUser({ name, password: text, groups, roles });
  }
  for (const spec of bootstrap.connections) await parts.connections.ensure(spec);
  if (bootstrap.policyFiles.length === 0 || parts.policies.current.version !== 'none') return;
  const texts = await Promise.all(bootstrap.policyFiles.map((file) => readText(file, 'the policy')));
  // All files make one policy; errors name the file's own lines.
  parsePolicySources(texts.map((text, index) => ({ name: bootstrap.policyFiles[index] ?? 'policy', text })));
  await parts.policies.apply(texts.join('\n---\n'), 'bootstrap', {
    sourceName: bootstrap.policyFiles.join(', '),
  });
}

/** Writes a join token (0600) for each agent that is not enrolled. Needs the front port's address. */
export async function writeJoinTokens(bootstrap: BootstrapConfig, agents: Agents): Promise<void> {
  for (const { agent, tokenFile } of bootstrap.joinTokens) {
    if (await agents.isEnrolled(agent)) continue;
    const { token } = await agents.createJoinToken({ agent, uses: 1, ttlSeconds: joinTokenTtlSeconds }, 'bootstrap');
    await writeFileAtomically(tokenFile, `${token}\n`);
  }
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new WeirError('invalid_request', `The file of ${what} cannot be read: ${file}`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'Correct the path in the section bootstrap of the configuration.',
      cause,
    });
  }
}
