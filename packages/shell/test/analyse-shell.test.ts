import { describe, expect, it } from 'vitest';
import { analyseShell, type ShellAnalysis } from '../src/index.ts';
import { destructive, harmless } from './cases/destructive.ts';
import { fileCases } from './cases/files.ts';
import { opaque } from './cases/opaque.ts';
import { understood } from './cases/understood.ts';

function commandsOf({ commands }: ShellAnalysis): string {
  return commands
    .map(({ program, arguments: words, via }) => {
      const name = [...via, program ?? '?'].join('>');
      return words.length === 0 ? name : `${name}[${words.map((word) => word ?? '?').join(' ')}]`;
    })
    .join(' ');
}

const signs = { download: '<', upload: '>', list: '=', change: '*' } as const;

describe('texts that are understood', () => {
  it.each(understood)('%j', (text, commands) => {
    const analysis = analyseShell(text);
    expect({ commands: commandsOf(analysis), opaque: analysis.opaque }).toEqual({ commands, opaque: [] });
  });
});

describe.each(Object.entries(opaque))('%s cannot be known', (_hider, texts) => {
  it.each(texts)('%j', (text) => {
    const { opaque } = analyseShell(text);
    expect(opaque).not.toEqual([]);
    for (const reason of opaque) expect(reason).toMatch(/^\S.*\.$/s);
  });
});

describe('what destroys or stops something', () => {
  it.each(destructive)('%j', (text) => expect(analyseShell(text).destructive).not.toEqual([]));
});

describe('what does not', () => {
  it.each(harmless)('%j', (text) => expect(analyseShell(text)).toMatchObject({ destructive: [], opaque: [] }));
});

describe('files', () => {
  it.each(fileCases)('%j', (text, files) => {
    const found = analyseShell(text).files.map(({ path, direction }) => `${signs[direction]}${path ?? '?'}`);
    expect(found.join(' ')).toBe(files);
  });
});
