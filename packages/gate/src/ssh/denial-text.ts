import type { Denial } from '../order/denial.ts';

/** A denial for a terminal: what and why, what can be done, which rule in which session. Lines separated by LF. */
export function denialText({ message, hint, detail }: Denial, sessionId: string): string {
  const session = detail?.includes(sessionId) === true ? [] : [`Session ${sessionId}.`];
  const lines = [
    `weir: ${message}`,
    ...(hint === null ? [] : [hint]),
    ...(detail === null ? [] : [detail]),
    ...session,
  ];
  return lines.map(oneLine).join('\n');
}

/** Without anything that a terminal would take for more than text. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
}
