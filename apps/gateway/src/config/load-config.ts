import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { WeirError } from '@weir/errors';
import { isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type GatewayConfig, gatewayConfigSchema } from './config-schema.ts';
import { notificationsAt } from './notification-schema.ts';
import { platformsAt } from './platform-schema.ts';
import { providersAt } from './provider-schema.ts';
import { scimAt } from './scim-schema.ts';

/** Reads and checks a configuration file. @throws WeirError invalid_request that names file, line and what to write instead. */
export async function loadConfig(file: string): Promise<GatewayConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new WeirError('invalid_request', `The configuration file ${file} cannot be read.`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'Name an existing file: node dist/main.js --config FILE',
      cause,
    });
  }
  return parseConfig(text, file);
}

/** Checks the text of a configuration. `file` is named in errors, and its folder is where relative paths start. */
export function parseConfig(text: string, file: string): GatewayConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const { line } = lines.linePos(broken.pos[0]);
    throw invalid(`${file}:${line}: not YAML`, broken.message, 'Correct the syntax at this line.', broken);
  }
  const parsed = gatewayConfigSchema.safeParse(document.toJS() ?? {});
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const line = lineOf(document, lines, issue.path);
      return `${file}:${line}: ${issue.path.length === 0 ? '' : `${issue.path.join('.')}: `}${sentenceOf(issue)}`;
    });
    throw invalid(
      `The configuration has ${problems.length === 1 ? 'an error' : `${problems.length} errors`}.`,
      problems.join('\n'),
      `Correct the file, then check it: node dist/main.js --config ${file} --check`,
      parsed.error,
    );
  }
  return withAbsolutePaths(parsed.data, dirname(resolve(file)));
}

function invalid(what: string, why: string, fix: string, cause: unknown): WeirError {
  return new WeirError('invalid_request', what, { why, fix, cause });
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown setting ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
  if (issue.code === 'invalid_type' && issue.input === undefined) return `is missing (${issue.expected})`;
  return issue.message;
}

/** Line of the deepest node on the issue's path that exists in the file; for unknown keys, of the object that holds them. */
function lineOf(document: ReturnType<typeof parseDocument>, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function withAbsolutePaths(config: z.output<typeof gatewayConfigSchema>, folder: string): GatewayConfig {
  const at = (path: string): string => resolve(folder, path);
  const stateDir = at(config.stateDir);
  const { api, bootstrap, keys } = config;
  const keyAt = (key: (typeof keys.previous)[number]) => (key.from === 'file' ? { ...key, path: at(key.path) } : key);
  const tls = api.tls && { certificateFile: at(api.tls.certificateFile), keyFile: at(api.tls.keyFile) };
  return {
    ...config,
    stateDir,
    api: { ...api, ...(tls === undefined ? {} : { tls }) },
    recordings: { dir: config.recordings ? at(config.recordings.dir) : stateDir },
    runtimeFile: config.runtimeFile === undefined ? join(stateDir, 'gateway.json') : at(config.runtimeFile),
    notifications: notificationsAt(config.notifications, at),
    agents: { ...config.agents, platforms: platformsAt(config.agents.platforms, at) },
    identity: {
      ...config.identity,
      providers: providersAt(config.identity.providers, at),
      scim: config.identity.scim && scimAt(config.identity.scim, at),
    },
    keys: {
      previous: keys.previous.map(keyAt),
      ...(keys.encryption === undefined ? {} : { encryption: keyAt(keys.encryption) }),
    },
    bootstrap: {
      users: bootstrap.users.map((user) =>
        user.passwordFile === undefined ? user : { ...user, passwordFile: at(user.passwordFile) },
      ),
      connections: bootstrap.connections,
      policyFiles: bootstrap.policyFiles.map(at),
      joinTokens: bootstrap.joinTokens.map((token) => ({ ...token, tokenFile: at(token.tokenFile) })),
    },
  };
}
