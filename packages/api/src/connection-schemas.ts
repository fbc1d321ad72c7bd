import { z } from 'zod';
import { nameSchema } from './name-schema.ts';

const kubernetesNameSchema = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'use a name of Kubernetes');
/** Where the agent finds the secret of a target; the gateway never sees it, unless it is `stored`. */
export const secretReferenceSchema = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('env'), name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({ from: z.literal('file'), path: z.string().min(1) }),
  /** A Kubernetes Secret, read by the agent with its pod's service account; its own namespace when none is named. */
  z.strictObject({
    from: z.literal('k8s-secret'),
    namespace: kubernetesNameSchema.optional(),
    name: kubernetesNameSchema,
    key: z.string().regex(/^[A-Za-z0-9._-]{1,253}$/),
  }),
  /** A secret of Vault, by its API path without /v1, e.g. secret/data/orders. */
  z.strictObject({
    from: z.literal('vault'),
    path: z
      .string()
      .regex(/^(?!.*(^|\/)\.{1,2}(\/|$))[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)+$/, 'use a path like secret/data/orders'),
    field: z.string().min(1).max(200).default('password'),
  }),
  /** The gateway keeps it, encrypted; see putCredential. */
  z.strictObject({ from: z.literal('stored') }),
  z.strictObject({ from: z.literal('none') }),
]);
/** The secret of a connection whose reference is `stored`: a password, or a private key (OpenSSH or PEM, without passphrase). No route gives it back. */
export const putCredentialRequestSchema = z.strictObject({ password: z.string().min(1).max(16_384) });
export const postgresTargetSchema = z.strictObject({
  protocol: z.literal('postgres'),
  host: z.string().min(1).max(255),
  port: z.int().min(1).max(65535).default(5432),
  database: z.string().min(1).max(63),
  user: z.string().min(1).max(63),
  password: secretReferenceSchema,
  tls: z
    .strictObject({
      mode: z.enum(['disable', 'prefer', 'require', 'verify-ca', 'verify-full']),
      caFile: z.string().optional(),
    })
    .default({ mode: 'prefer' }),
});
const hostSchema = z.string().min(1).max(255);
const portSchema = z.int().min(1).max(65535);
/** A user of an SSH host: no white space, nothing that ssh_config, certificates or user names like `alice+web` would take for something else. */
const sshUserSchema = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._@\\-]{0,62}$/, 'use a user name of the host');
/** What a host's key must be: a fingerprint as `ssh-keygen -l` shows it, or the key of an authority that signs host keys, as known_hosts has it. */
const hostKeySchema = z
  .string()
  .max(4096)
  .regex(
    /^(SHA256:[A-Za-z0-9+/]{43}|@cert-authority (ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2})$/,
    'use a fingerprint (SHA256:…) or @cert-authority with a key',
  );
/** No pin: nobody has decided yet whether the host is the right one, and agents refuse it. */
const hostKeysSchema = z.array(hostKeySchema).max(20).default([]);
/** A host on the way to a target: signed in to like the target itself. */
export const sshHopSchema = z.strictObject({
  host: hostSchema,
  port: portSchema.default(22),
  user: sshUserSchema,
  hostKeys: hostKeysSchema,
});
export const sshTargetSchema = z
  .strictObject({
    protocol: z.literal('ssh'),
    host: hostSchema,
    port: portSchema.default(22),
    user: sshUserSchema,
    /** `certificate`: a certificate of Weir's user CA for a few minutes; the host trusts that CA and needs no secret of the agent's. */
    auth: z.enum(['certificate', 'private-key', 'password']).default('certificate'),
    /** The private key or the password. */
    secret: secretReferenceSchema.default({ from: 'none' }),
    hostKeys: hostKeysSchema,
    /** Hosts on the way, in the order in which they are passed. */
    jumps: z.array(sshHopSchema).max(4).default([]),
    /** Seconds between signs of life; 0 = none. */
    keepaliveSeconds: z.int().min(0).max(3600).default(30),
  })
  .refine(({ auth, secret }) => auth !== 'certificate' || secret.from === 'none', {
    path: ['secret'],
    error: 'certificates need no secret',
  })
  .refine(({ auth, secret }) => auth === 'certificate' || secret.from !== 'none', {
    path: ['secret'],
    error: 'say where the agent finds it',
  });
/** What a connection leads to. */
export const targetSchema = z.discriminatedUnion('protocol', [postgresTargetSchema, sshTargetSchema]);
/** A connection as administrators define it; `agent` names the pool of agents in whose network the target lives: they alone serve it. */
export const connectionSpecSchema = z.strictObject({
  name: nameSchema,
  agent: nameSchema,
  labels: z.record(z.string(), z.string()).default({}),
  target: targetSchema,
});
/** A connection as its users see it. `allowed` = policy lets the caller open it now. */
export const connectionSchema = z.object({
  name: nameSchema,
  protocol: z.enum(['postgres', 'ssh']),
  labels: z.record(z.string(), z.string()),
  agent: nameSchema,
  agentOnline: z.boolean(),
  /** Of databases. */
  database: z.string().optional(),
  /** The account at the target, of SSH hosts. */
  user: z.string().optional(),
  allowed: z.boolean(),
  reason: z.string(),
});
export const connectionTestSchema = z.object({
  ok: z.boolean(),
  steps: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});

/** POST /sessions. The password is shown once and ends with the session. `user` is what a native client signs in as. */
export const openSessionRequestSchema = z.strictObject({
  connection: nameSchema,
  via: z.enum(['native', 'connect']).default('connect'),
  password: z.string().min(16).max(256).optional(),
});
/** `protocol` says what the session speaks: `database` is of PostgreSQL alone, `ssh` of SSH. */
export const openSessionResponseSchema = z.object({
  id: z.string(),
  connection: nameSchema,
  protocol: z.enum(['postgres', 'ssh']).default('postgres'),
  user: z.string(),
  password: z.string(),
  database: z.string().optional(),
  ssh: z
    .object({
      /** The account at the target. */
      login: z.string(),
      /** What a known_hosts says behind the names: `ssh-ed25519 AAAA…` for the gateway's host keys, and its authority of host keys behind `@cert-authority`. */
      hostKeys: z.array(z.string()),
    })
    .optional(),
  expiresAt: z.iso.datetime(),
  /** Where the native listener is, as this client reaches it. */
  native: z.object({ host: z.string(), port: z.int(), dsn: z.string() }),
  /** Where the front door for `weir connect` is (host:port), with the PEM of the CA that its certificate ends in. */
  front: z.object({ address: z.string(), ca: z.string() }),
});
