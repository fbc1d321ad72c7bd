import type { ListDeliveriesQuery } from '@weir/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { printList } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir notifications` */
export function addNotifications(program: Command, cli: Cli): void {
  leaf(
    program,
    'notifications',
    'Show messages to Slack, Teams, webhooks and e-mail, and which of them were given up',
    ['weir notifications --state dead'],
  )
    .option('--state <state>', 'pending, sent or dead')
    .option('--limit <n>', 'at most so many, newest first', '100')
    .action(
      act(cli, async (options: CommonOptions & { state?: ListDeliveriesQuery['state']; limit: string }) => {
        const { state, limit } = options;
        printList(cli, options, {
          items: await signedIn(cli).api.listNotifications({ limit, ...(state === undefined ? {} : { state }) }),
          columns: [
            ['at', ({ createdAt }) => createdAt],
            ['channel', ({ channel }) => channel],
            ['state', (delivery) => delivery.state],
            ['tries', ({ attempts }) => String(attempts)],
            ['what', ({ title }) => title],
            ['error', ({ error }) => error ?? ''],
          ],
          empty: 'There are no notifications.',
        });
      }),
    );
}
