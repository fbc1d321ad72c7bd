import { nameSchema } from '@weir/api';
import { z } from 'zod';
import { type SecretReference, secretReferenceSchema } from './secret-reference.ts';

/** Things that are told. A channel without `events` hears of all of them. */
export const notificationEvents = [
  'request-made',
  'request-decided',
  'request-expired',
  'grant-given',
  'grant-revoked',
  'grant-ending',
  'break-glass-used',
  'break-glass-review-overdue',
  'agent-locked',
  'account-disabled',
  'emergency-sign-in',
  'passkey-locked',
] as const;

const common = { name: nameSchema, events: z.array(z.enum(notificationEvents)).min(1).optional() };
const mailAddressSchema = z.email().max(254);

const slackSchema = z.strictObject({
  ...common,
  type: z.literal('slack'),
  /** The address of an incoming webhook: who knows it can post, so it is a secret. */
  url: secretReferenceSchema,
  /** Buttons: needs the app's signing secret, its workspace, and who is who. */
  interactive: z
    .strictObject({
      signingSecret: secretReferenceSchema,
      teamId: z.string().regex(/^[A-Z0-9]{2,20}$/, 'use the id of the workspace, like T0123ABCD'),
      users: z.record(z.string().regex(/^[A-Z0-9]{2,20}$/, 'use the id of a Slack user, like U0123ABCD'), nameSchema),
    })
    .optional(),
});
const teamsSchema = z.strictObject({ ...common, type: z.literal('teams'), url: secretReferenceSchema });
const webhookSchema = z.strictObject({
  ...common,
  type: z.literal('webhook'),
  url: secretReferenceSchema,
  /** `whsec_` and base64, or any text of at least 24 characters. */
  signingSecret: secretReferenceSchema,
});
const emailSchema = z.strictObject({
  ...common,
  type: z.literal('email'),
  host: z.string().min(1).max(255),
  port: z.int().min(1).max(65535).default(587),
  /** `starttls` refuses a server that does not offer it. */
  tls: z.enum(['starttls', 'implicit']).default('starttls'),
  /** Certificates (PEM) to trust beside those of the system. */
  caFile: z.string().min(1).optional(),
  login: z.strictObject({ user: z.string().min(1).max(255), password: secretReferenceSchema }).optional(),
  sender: mailAddressSchema,
  recipients: z.array(mailAddressSchema).min(1).max(100),
});

/** `notifications` of the configuration file. */
export const notificationsSchema = z
  .strictObject({
    /** Where people reach the gateway's pages; without it, messages name the command instead of a link. */
    publicUrl: z.url({ protocol: /^https?$/ }).optional(),
    channels: z
      .array(z.discriminatedUnion('type', [slackSchema, teamsSchema, webhookSchema, emailSchema]))
      .max(50)
      .default([]),
  })
  .refine(({ channels }) => new Set(channels.map(({ name }) => name)).size === channels.length, {
    error: 'two channels have the same name',
    path: ['channels'],
  });

export type NotificationEvent = (typeof notificationEvents)[number];
export type NotificationsConfig = z.output<typeof notificationsSchema>;
export type ChannelConfig = NotificationsConfig['channels'][number];

/** The same with absolute paths; `at` makes them. */
export function notificationsAt(config: NotificationsConfig, at: (path: string) => string): NotificationsConfig {
  const secret = (reference: SecretReference): SecretReference =>
    reference.from === 'file' ? { ...reference, path: at(reference.path) } : reference;
  const channelAt = (channel: ChannelConfig): ChannelConfig => {
    switch (channel.type) {
      case 'slack': {
        const { interactive } = channel;
        return {
          ...{ ...channel, url: secret(channel.url) },
          interactive: interactive && { ...interactive, signingSecret: secret(interactive.signingSecret) },
        };
      }
      case 'teams':
        return { ...channel, url: secret(channel.url) };
      case 'webhook':
        return { ...channel, url: secret(channel.url), signingSecret: secret(channel.signingSecret) };
      case 'email':
        return {
          ...{ ...channel, caFile: channel.caFile === undefined ? undefined : at(channel.caFile) },
          login: channel.login && { ...channel.login, password: secret(channel.login.password) },
        };
    }
  };
  return { ...config, channels: config.channels.map(channelAt) };
}
