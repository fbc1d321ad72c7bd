import type { Notice } from './notice.ts';

/** Action ids of the buttons. */
export const approveAction = 'weir-approve';
export const denyAction = 'weir-deny';

/** Block Kit message. Everything that people wrote is `plain_text`, where neither markup nor mentions have a meaning. */
export function slackMessage(notice: Notice, isInteractive: boolean): unknown {
  const plain = (text: string) => ({ type: 'plain_text', text: text === '' ? '-' : text, emoji: false });
  const button = (text: string, actionId: string, style: string) => ({
    ...{ type: 'button', text: plain(text), action_id: actionId, style, value: notice.request },
    confirm: {
      ...{
        title: plain(`${text}?`),
        text: plain(notice.title.slice(0, 300)),
        confirm: plain(text),
        deny: plain('Cancel'),
      },
    },
  });
  const link = { type: 'button', text: plain('Look at it'), action_id: 'weir-open', url: notice.link };
  const buttons = [
    ...(isInteractive && notice.request !== null
      ? [button('Approve', approveAction, 'primary'), button('Deny', denyAction, 'danger')]
      : []),
    ...(notice.link === null ? [] : [link]),
  ];
  return {
    // The text of the pop-up: here Slack reads markup, so what would be markup is escaped.
    text: notice.title.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    mrkdwn: false,
    unfurl_links: false,
    blocks: [
      { type: 'header', text: plain(notice.title.slice(0, 150)) },
      // A section holds ten fields at most.
      { type: 'section', fields: notice.facts.slice(0, 10).map(([name, value]) => plain(`${name}: ${value}`)) },
      ...(buttons.length === 0 ? [] : [{ type: 'actions', elements: buttons }]),
      { type: 'context', elements: [plain(notice.command)] },
    ],
  };
}
