import type { Notice } from './notice.ts';
import { escapeMarkdown } from './plain-text.ts';

/** Adaptive card for an incoming webhook or a workflow of Microsoft Teams. Its texts are Markdown, so what people wrote is escaped. */
export function teamsMessage(notice: Notice): unknown {
  const text = (value: string, more = {}) => ({ type: 'TextBlock', text: escapeMarkdown(value), wrap: true, ...more });
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            text(notice.title, { weight: 'Bolder', size: 'Medium' }),
            { type: 'FactSet', facts: notice.facts.map(([title, value]) => ({ title, value: escapeMarkdown(value) })) },
            text(notice.command, { isSubtle: true, fontType: 'Monospace' }),
          ],
          actions: notice.link === null ? [] : [{ type: 'Action.OpenUrl', title: 'Look at it', url: notice.link }],
        },
      },
    ],
  };
}
