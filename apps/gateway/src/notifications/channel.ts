import { readFile } from 'node:fs/promises';
import { WeirError } from '@weir/errors';
import { createTransport } from 'nodemailer';
import type { ChannelConfig, NotificationEvent } from '../config/notification-schema.ts';
import { readSecret } from '../config/read-secret.ts';
import { mailMessage } from './mail-message.ts';
import type { Notice } from './notice.ts';
import { type DeliveryResult, postJson } from './post-json.ts';
import { slackMessage } from './slack-message.ts';
import { teamsMessage } from './teams-message.ts';
import { webhookHeaders, webhookKey } from './webhook-signature.ts';

/** A way to people or programs. */
export interface Channel {
  readonly name: string;
  hears(event: NotificationEvent): boolean;
  /** One try; never throws. */
  send(notice: Notice): Promise<DeliveryResult>;
}

/** Opens a channel: reads its secrets. @throws WeirError invalid_request when one is missing or an address would carry messages in clear. */
export async function openChannel(config: ChannelConfig, now: () => number): Promise<Channel> {
  const hears = (event: NotificationEvent) => config.events?.includes(event) ?? true;
  return { name: config.name, hears, send: await senderOf(config, now) };
}

async function senderOf(config: ChannelConfig, now: () => number): Promise<Channel['send']> {
  if (config.type === 'email') return mailSender(config);
  const url = checkedUrl(await readSecret(config.url, `address of the channel ${config.name}`), config.name);
  if (config.type === 'slack') {
    const isInteractive = config.interactive !== undefined;
    return (notice) => postJson(url, JSON.stringify(slackMessage(notice, isInteractive)));
  }
  if (config.type === 'teams') return (notice) => postJson(url, JSON.stringify(teamsMessage(notice)));
  const key = webhookKey(await readSecret(config.signingSecret, `signing secret of the channel ${config.name}`));
  return (notice) => {
    const { id, event, at, ...data } = notice;
    const body = JSON.stringify({ type: event, timestamp: at, data });
    return postJson(url, body, { headers: webhookHeaders(key, id, now(), body) });
  };
}

/** Messages name people and tables: they leave encrypted, or stay on this machine. */
function checkedUrl(text: string, channel: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url?.hostname ?? '');
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback)) return url.href;
  throw new WeirError('invalid_request', `The address of the channel ${channel} is not usable.`, {
    why: 'It is no https address (http is for loopback addresses only).',
  });
}

async function mailSender(config: Extract<ChannelConfig, { type: 'email' }>): Promise<Channel['send']> {
  const { host, port, tls, caFile, login, sender, recipients } = config;
  const auth = login && {
    user: login.user,
    pass: await readSecret(login.password, `password of the channel ${config.name}`),
  };
  const ca = caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') };
  const transport = createTransport({
    ...{ host, port, secure: tls === 'implicit', requireTLS: true, tls: { minVersion: 'TLSv1.2', ...ca } },
    ...(auth === undefined ? {} : { auth }),
    ...{ connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000, dnsTimeout: 10_000 },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  });
  return async (notice) => {
    try {
      const messageId = `<${notice.id}.${Date.parse(notice.at)}@weir>`;
      await transport.sendMail({ from: sender, to: recipients, messageId, ...mailMessage(notice) });
      return { state: 'sent' };
    } catch (error) {
      return mailFailure(error);
    }
  };
}

/** 5xx answers are final, except those to sign-in and STARTTLS, which an administrator can put right. */
function mailFailure(error: unknown): DeliveryResult {
  const { responseCode, code } = (error ?? {}) as { responseCode?: number; code?: string };
  const isFinal = responseCode !== undefined && responseCode >= 500 && code !== 'EAUTH' && code !== 'ETLS';
  const why =
    responseCode === undefined ? `it cannot be reached (${code ?? 'unknown'})` : `it answered ${responseCode}`;
  return { state: isFinal ? 'failed' : 'retry', why };
}
