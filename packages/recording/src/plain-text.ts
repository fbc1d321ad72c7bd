/** Control sequences of ECMA-48: strings (OSC, DCS, SOS, PM, APC) up to their end, CSI with parameters, other escapes. */
const sequences =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)|(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b[ -/]*[0-~]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u0007\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/**
 * What was written to a terminal, as lines to read and to search: control sequences are left out, a backspace takes a character away, a carriage
 * return begins the line anew. It knows no screen: what a program draws by moving the cursor stands one after the other.
 */
export function plainText(output: string): string {
  return output.replace(sequences, '').replaceAll('\r\n', '\n').split('\n').map(plainLine).join('\n');
}

function plainLine(line: string): string {
  const cells: string[] = [];
  let column = 0;
  for (const character of line.replace(controls, '')) {
    if (character === '\r') column = 0;
    else if (character === '\b') column = Math.max(0, column - 1);
    else cells[column++] = character;
  }
  return cells.join('').trimEnd();
}
