import { Controller, Get, HttpCode, Inject, Post, Query, Req } from '@nestjs/common';
import { type Delivery, listDeliveriesQuerySchema } from '@weir/api';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Page, Paging } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { Needs, Public } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { Notifications } from './notifications.ts';
import type { SlackInteractions } from './slack-interactions.ts';

export const NOTIFICATIONS = Symbol('notifications');
export const SLACK_INTERACTIONS = Symbol('slack interactions');

/** Routes of notifications. */
@Controller()
export class NotificationsController {
  constructor(
    @Inject(NOTIFICATIONS) private readonly notifications: Notifications,
    @Inject(SLACK_INTERACTIONS) private readonly slack: SlackInteractions,
  ) {}

  @Needs('notifications:read')
  @Get('api/v1/notifications')
  list(
    @Query(new ZodPipe(listDeliveriesQuerySchema)) query: z.output<typeof listDeliveriesQuerySchema>,
    @Paging({ query: listDeliveriesQuerySchema }) page: Keyset,
  ): Promise<Page<Delivery>> {
    return this.notifications.list(query, page);
  }

  /** Its caller proves himself by Slack's signature over the body. */
  @Public()
  @Post('integrations/slack/interactions')
  @HttpCode(200)
  async interact(@Req() request: FastifyRequest & { rawBody?: Buffer }): Promise<void> {
    const text = (name: string) => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    };
    await this.slack.receive({
      timestamp: text('x-slack-request-timestamp'),
      signature: text('x-slack-signature'),
      body: request.rawBody ?? Buffer.alloc(0),
    });
  }
}
