import { connectionSpecSchema, nameSchema, roleSchema } from '@weir/api';
import { z } from 'zod';
import { notificationsSchema } from './notification-schema.ts';
import { platformSchema } from './platform-schema.ts';
import { providersSchema } from './provider-schema.ts';
import { scimSchema } from './scim-schema.ts';
import { secretReferenceSchema } from './secret-reference.ts';

const port = z.int().min(0).max(65535);
const listenerSchema = z.strictObject({ host: z.string().min(1).default('127.0.0.1'), port });

const userSchema = z
  .strictObject({
    name: nameSchema,
    password: z.string().min(8).max(1024).optional(),
    passwordFile: z.string().min(1).optional(),
    groups: z.array(nameSchema).default([]),
    roles: z.array(roleSchema).default([]),
  })
  .refine((user) => (user.password === undefined) !== (user.passwordFile === undefined), {
    error: 'give either password or passwordFile',
  });

const bootstrapSchema = z.strictObject({
  users: z.array(userSchema).default([]),
  connections: z.array(connectionSpecSchema).default([]),
  policyFiles: z.array(z.string().min(1)).default([]),
  joinTokens: z.array(z.strictObject({ agent: nameSchema, tokenFile: z.string().min(1) })).default([]),
});

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** A bound of requests: so many at once, and so many that are added each second. */
const bucketSchema = (burst: number, perSecond: number) =>
  z
    .strictObject({
      burst: z.int().min(1).max(1_000_000).default(burst),
      perSecond: z.number().min(0.01).max(100_000).default(perSecond),
    })
    .prefault({});
/** A whole company may come from one address, and a CI system may start hundreds of jobs in the same second. */
const limitsSchema = z
  .strictObject({
    address: bucketSchema(3000, 100),
    principal: bucketSchema(1500, 50),
    /** Forms with passwords and codes. */
    signIn: bucketSchema(240, 4),
    /** Endpoints under /oauth. */
    token: bucketSchema(600, 20),
  })
  .prefault({});

const apiSchema = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1'),
    port,
    tls: z.strictObject({ certificateFile: z.string().min(1), keyFile: z.string().min(1) }).optional(),
    /** Addresses or networks of proxies whose X-Forwarded-For is believed; nobody's else is. */
    trustedProxies: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).default([]),
    /** How often somebody may ask. */
    limits: limitsSchema,
  })
  .refine((api) => api.tls !== undefined || isLoopback(api.host), {
    error:
      'plain http is for loopback addresses only: set api.tls, or api.host to 127.0.0.1 behind a proxy that ends TLS',
    path: ['host'],
  });

/** Who people are, and what they may do at the gateway itself. */
const clientSchema = z.strictObject({
  id: nameSchema.refine((id) => !id.startsWith('weir-'), "names that begin with weir- are the gateway's own"),
  name: z.string().min(1).max(100),
  redirectUris: z
    .array(
      z.url({ protocol: /^https?$/ }).refine((uri) => {
        const { protocol, hostname } = new URL(uri);
        return protocol === 'https:' || hostname === '127.0.0.1' || hostname === '[::1]';
      }, 'plain http is for 127.0.0.1 and [::1] only'),
    )
    .min(1)
    .refine(
      (uris) => new Set(uris.map((uri) => new URL(uri).protocol)).size === 1,
      'all addresses of a client are https, or all are http on loopback',
    ),
});
const identitySchema = z.strictObject({
  /** Address under which people reach the gateway with a browser: passkeys are bound to its host. Default: the API's own. */
  issuer: z.url({ protocol: /^https?$/, error: 'write an address like https://weir.example.com' }).optional(),
  /**
   * Accounts with a password or passkey of the gateway's own. `enabled: false` leaves those alone that `emergency` names; `enabled: emergency` also
   * those that administrators have marked (`weir users add --emergency`).
   */
  local: z
    .strictObject({
      enabled: z
        .union([z.boolean(), z.literal('emergency')], { error: 'write true, false or emergency' })
        .default(true),
      emergency: z.array(nameSchema).default([]),
    })
    .default({ enabled: true, emergency: [] }),
  /** Roles that groups give, beside those of accounts. */
  roles: z.partialRecord(roleSchema, z.strictObject({ groups: z.array(nameSchema) })).default({}),
  /** Programs beside the gateway's own that may ask people for tokens. Plain http is for loopback addresses only. */
  clients: z
    .array(clientSchema)
    .refine((clients) => new Set(clients.map(({ id }) => id)).size === clients.length, 'two clients have the same id')
    .default([]),
  /** May somebody sign in a device by typing its code elsewhere (RFC 8628)? */
  deviceFlow: z.boolean().default(true),
  /** Where people sign in upstream: OpenID Connect and SAML. */
  providers: providersSchema,
  /** Where accounts and groups are provisioned from. */
  scim: scimSchema.optional(),
});
const identityDefaults = {
  local: { enabled: true, emergency: [] },
  roles: {},
  clients: [],
  deviceFlow: true,
  providers: [],
};

const storeSchema = z.union(
  [
    z.strictObject({ embedded: z.literal(true) }),
    z.strictObject({
      url: z.url({ protocol: /^postgres(ql)?$/, error: 'write an address like postgresql://user@host:5432/weir' }),
    }),
  ],
  { error: 'write either `embedded: true` or `url: postgresql://…`' },
);

/** Key-encryption keys: 32 bytes in base64. `previous` open what they wrapped, and wrap nothing more. */
const keysSchema = z.strictObject({
  encryption: secretReferenceSchema.optional(),
  previous: z.array(secretReferenceSchema).default([]),
});

const agentsSchema = z.strictObject({
  /** Life of agents' certificates; they are renewed when two thirds of it have passed. */
  certificateTtlSeconds: z.int().min(10).max(3600).default(3600),
  /** For how long after the end of its certificate an agent that was away gets a new one; 0 = never. */
  recoverWithinDays: z.int().min(0).max(365).default(30),
  /** Agents that join by a token of the platform that they run on, instead of a join token. */
  platforms: z.array(platformSchema).max(50).default([]),
});
const agentsDefaults = { certificateTtlSeconds: 3600, recoverWithinDays: 30, platforms: [] };

/** The gateway's configuration file. Relative paths are relative to the file's own folder. Port 0 = any free port. */
export const gatewayConfigSchema = z.strictObject({
  /** Folder of everything that the gateway keeps beside its store: CA, keys, journal, embedded server's lock. */
  stateDir: z.string().min(1),
  api: apiSchema,
  /** Enrolment and `weir connect`; server TLS. */
  front: listenerSchema,
  /** Agents; mutual TLS. */
  tunnel: listenerSchema,
  /** The native PostgreSQL listener. */
  postgres: listenerSchema,
  /** The native SSH listener. */
  ssh: listenerSchema.default({ host: '127.0.0.1', port: 0 }),
  /** Names and addresses under which clients and agents reach the gateway, for its certificate; the first is shown to them. */
  publicHost: z.array(z.string().min(1).max(253)).default([]),
  store: storeSchema.default({ embedded: true }),
  /** Folder of the evidence: `journal/` and `recordings/` are made below it. Default: stateDir. */
  recordings: z.strictObject({ dir: z.string().min(1) }).optional(),
  /** Written when everything is ready: where the gateway can be reached. */
  runtimeFile: z.string().min(1).optional(),
  sessions: z.strictObject({ ttlSeconds: z.int().min(10).max(86_400).default(28_800) }).default({ ttlSeconds: 28_800 }),
  /** Who is told of requests, grants and alarms, and how. */
  notifications: notificationsSchema.default({ channels: [] }),
  identity: identitySchema.default(identityDefaults),
  agents: agentsSchema.default(agentsDefaults),
  /** Under which stored credentials and the key of the CA are encrypted; without `encryption`, a key that the gateway makes in stateDir. */
  keys: keysSchema.default({ previous: [] }),
  bootstrap: bootstrapSchema.default({ users: [], connections: [], policyFiles: [], joinTokens: [] }),
});

/** A configuration with all paths absolute and all defaults filled in. */
export interface GatewayConfig extends Omit<z.output<typeof gatewayConfigSchema>, 'recordings' | 'runtimeFile'> {
  readonly recordings: { readonly dir: string };
  readonly runtimeFile: string;
}
export type BootstrapConfig = z.output<typeof bootstrapSchema>;
