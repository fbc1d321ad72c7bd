import type { Notice } from './notice.ts';

/** Subject and text of an e-mail. It is plain text, so nothing in it is markup; each fact is one line. */
export function mailMessage(notice: Notice): { subject: string; text: string } {
  const facts = notice.facts.map(([name, value]) => `  ${name}: ${value}`);
  const more = notice.link === null ? notice.command : `${notice.link}\n${notice.command}`;
  return { subject: `[Weir] ${notice.title}`, text: `${notice.title}\n\n${facts.join('\n')}\n\n${more}\n` };
}
