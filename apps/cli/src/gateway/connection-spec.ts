import { readFileSync } from 'node:fs';
import { type ConnectionSpecRequest, connectionSpecSchema } from '@weir/api';
import { WeirError } from '@weir/errors';
import { parse } from 'yaml';
import { type SshFlags, sshTargetOfFlags } from './ssh-spec.ts';

/** Flags of `weir connections add`. */
export interface SpecFlags extends SshFlags {
  readonly name?: string;
  readonly agent?: string;
  readonly label?: readonly string[];
  readonly host?: string;
  readonly targetPort: string;
  readonly database?: string;
  readonly dbUser?: string;
  readonly passwordEnv?: string;
  readonly passwordFile?: string;
  readonly passwordSecret?: string;
  readonly passwordVault?: string;
  readonly passwordStored?: boolean;
  readonly tls: string;
  readonly tlsCa?: string;
}

const requiredOfPostgres = ['name', 'agent', 'host', 'database', 'dbUser'] as const;

/** A connection by flags. @throws WeirError invalid_request that names what is missing or wrong. */
export function specOfFlags(flags: SpecFlags): ConnectionSpecRequest {
  const required = flags.ssh === undefined ? requiredOfPostgres : (['name', 'agent'] as const);
  const missing = required
    .filter((flag) => flags[flag] === undefined)
    .map((flag) => (flag === 'dbUser' ? '--db-user' : `--${flag}`));
  if (missing.length > 0) {
    throw new WeirError('invalid_request', `The connection lacks ${missing.join(', ')}.`, {
      fix: 'Add them, or give a file.',
    });
  }
  const { name, agent, host, database, dbUser: user, tlsCa: caFile } = flags;
  const password = passwordOf(flags);
  const labels = Object.fromEntries((flags.label ?? []).map(parseLabel));
  if (flags.ssh !== undefined)
    return checked({ name, agent, labels, target: sshTargetOfFlags(flags, password) }, 'the flags');
  const tls = { mode: flags.tls, ...(caFile === undefined ? {} : { caFile }) };
  const target = { protocol: 'postgres', host, port: Number(flags.targetPort), database, user, password, tls };
  return checked({ name, agent, labels, target }, 'the flags');
}

/** Connections of a file: one, a list, or {connections: [...]}. @throws WeirError invalid_request. */
export function readConnectionSpecs(path: string): ConnectionSpecRequest[] {
  let value: unknown;
  try {
    value = parse(readFileSync(path, 'utf8'), { maxAliasCount: 100 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WeirError('invalid_request', `The file ${path} cannot be read.`, {
      why,
      fix: 'Write it as YAML or JSON.',
      cause,
    });
  }
  const inner = typeof value === 'object' && value !== null && 'connections' in value ? value.connections : value;
  const list: unknown[] = Array.isArray(inner) ? inner : [inner];
  return list.map((spec, index) => checked(spec, list.length === 1 ? path : `${path}, connection ${index + 1}`));
}

function passwordOf({ passwordEnv, passwordFile, passwordSecret, passwordVault, passwordStored }: SpecFlags): unknown {
  const [namespace, secret = '', key = 'password'] = splitLast(passwordSecret ?? '');
  const [path, field = 'password'] = (passwordVault ?? '').split('#', 2);
  const given = [
    ...(passwordEnv === undefined ? [] : [{ from: 'env', name: passwordEnv }]),
    ...(passwordFile === undefined ? [] : [{ from: 'file', path: passwordFile }]),
    ...(passwordSecret === undefined
      ? []
      : [{ from: 'k8s-secret', name: secret, key, ...(namespace === undefined ? {} : { namespace }) }]),
    ...(passwordVault === undefined ? [] : [{ from: 'vault', path, field }]),
    ...(passwordStored === true ? [{ from: 'stored' }] : []),
  ];
  if (given.length <= 1) return given[0] ?? { from: 'none' };
  throw new WeirError('invalid_request', 'Several sources of the password were given.', {
    fix: 'Give one of --password-env, --password-file, --password-secret, --password-vault and --password-stored.',
  });
}

/** `[NAMESPACE/]NAME[#KEY]` in its parts. */
function splitLast(text: string): [string | undefined, string, string | undefined] {
  const [place = '', key] = text.split('#', 2);
  const at = place.indexOf('/');
  return at < 0 ? [undefined, place, key] : [place.slice(0, at), place.slice(at + 1), key];
}

function parseLabel(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new WeirError('invalid_request', `"${text}" is not a label.`, { fix: 'Write it as --label key=value.' });
}

function checked(value: unknown, place: string): ConnectionSpecRequest {
  const parsed = connectionSpecSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new WeirError('invalid_request', `The connection in ${place} has errors.`, {
    why: parsed.error.issues.map((issue) => `${issue.path.join('.') || 'connection'}: ${issue.message}`).join('\n'),
    fix: 'Correct them; docs/own-database.md has an example.',
  });
}
