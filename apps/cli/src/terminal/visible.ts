const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Text for a terminal: control characters and those that change the direction of writing are spelled out, because statements, rows and reasons
 * come from others and must not steer the reader's terminal. `multiline` keeps line feeds and tabs.
 */
export function visible(text: string, options: { readonly multiline?: boolean } = {}): string {
  const replaced = options.multiline === true ? text.replaceAll('\r\n', '\n') : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return replaced.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    if (options.multiline === true && (character === '\n' || character === '\t')) return character;
    const code = character.charCodeAt(0).toString(16);
    return escapes[character] ?? (code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`);
  });
}
