/** Longest text that is analysed, in UTF-16 units; longer ones are opaque. */
export const maxTextLength = 64 * 1024;

/** Deepest nesting of substitutions, compound commands and texts within texts. */
export const maxDepth = 24;

/** Most simple commands of one text. */
export const maxCommands = 2000;

/** Most opening braces of one word. */
export const maxBraces = 32;

/** Most words that the braces of one word may make. */
export const maxBraceWords = 512;

/** Longest reason; words of the text in it are cut. */
export const maxReasonLength = 300;
