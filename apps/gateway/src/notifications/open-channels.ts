import type { NotificationsConfig } from '../config/notification-schema.ts';
import { readSecret } from '../config/read-secret.ts';
import { type Channel, openChannel } from './channel.ts';
import type { SlackApp } from './slack-interactions.ts';
import { createSlackVerifier } from './slack-signature.ts';

/** The channels of the configuration, with their secrets read. */
export interface OpenChannels {
  readonly channels: readonly Channel[];
  readonly slackApps: readonly SlackApp[];
  readonly publicUrl: string | undefined;
}

/** Opens all channels. @throws WeirError invalid_request when a secret is missing: a gateway that cannot tell anybody does not start silently. */
export async function openChannels(config: NotificationsConfig, now: () => number): Promise<OpenChannels> {
  const channels: Channel[] = [];
  const slackApps: SlackApp[] = [];
  for (const channel of config.channels) {
    channels.push(await openChannel(channel, now));
    if (channel.type !== 'slack' || channel.interactive === undefined) continue;
    const { signingSecret, teamId, users } = channel.interactive;
    const secret = await readSecret(signingSecret, `signing secret of the channel ${channel.name}`);
    slackApps.push({ channel: channel.name, teamId, users, verifier: createSlackVerifier(secret, now) });
  }
  return { channels, slackApps, publicUrl: config.publicUrl };
}
