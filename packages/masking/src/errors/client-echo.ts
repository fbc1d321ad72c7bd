const isWordCharacter = /[\p{L}\p{N}_$]/u;

/** @returns true when `piece` stands in `text` as whole words: what touches it there does not go on the word at its edges. */
export function occursAsToken(text: string, piece: string): boolean {
  if (piece === '') return false;
  const startsWord = isWordCharacter.test(piece.charAt(0));
  const endsWord = isWordCharacter.test(piece.charAt(piece.length - 1));
  for (let at = text.indexOf(piece); at >= 0; at = text.indexOf(piece, at + 1)) {
    const before = text.charAt(at - 1);
    const after = text.charAt(at + piece.length);
    if (startsWord && before !== '' && isWordCharacter.test(before)) continue;
    if (endsWord && after !== '' && isWordCharacter.test(after)) continue;
    return true;
  }
  return false;
}

/** @returns `text` with every run of white space as one blank. */
export function collapseBlanks(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
