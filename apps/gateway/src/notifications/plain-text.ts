/** Control characters (line breaks, NUL, escapes), marks that turn the direction of text or hide in it, and lone surrogates. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+/gu;

/** Text of people as one bounded line: nothing in it can begin a header, a line or another direction. */
export function plainLine(text: string, maxLength = 300): string {
  const line = text.replace(unsafe, ' ').replace(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length > maxLength ? `${characters.slice(0, maxLength - 1).join('')}…` : line;
}

/** Text for places that read Markdown: every character with a meaning there is written so that it has none. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>~&:@/]/g, (character) => `&#${character.codePointAt(0)};`);
}
