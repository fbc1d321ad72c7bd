import { type DynamicModule, Module } from '@nestjs/common';
import { NOTIFICATIONS, NotificationsController, SLACK_INTERACTIONS } from './notifications.controller.ts';
import type { Notifications } from './notifications.ts';
import type { SlackInteractions } from './slack-interactions.ts';

@Module({})
class NotificationsModule {}

/** Notifications, and what comes back from them. */
export function notificationsModule(notifications: Notifications, slack: SlackInteractions): DynamicModule {
  return {
    module: NotificationsModule,
    controllers: [NotificationsController],
    providers: [
      { provide: NOTIFICATIONS, useValue: notifications },
      { provide: SLACK_INTERACTIONS, useValue: slack },
    ],
  };
}
