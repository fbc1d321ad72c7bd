import { createStreamMask, detectableTypes, type StreamMaskOptions } from '../src/index.ts';

/**
 * Rate of output masking on one core, in MB per second of CPU time: `node --conditions=source packages/masking/bench/stream-mask.ts`.
 * Chunks of 32 KiB, as SSH carries them; each figure is the best of five passes over 64 MB.
 */
const samples: Readonly<Record<string, string>> = {
  'no digit, no @': 'all is well here, as it was before: nothing to see, nobody to mask.\n',
  'one long line': 'abcdefgh ijkl-mnop ',
  'a log with times':
    '2026-11-25T18:00:00.123Z INFO request=7f3a9c method=GET path=/v1/orders/123456 status=200 bytes=5120 ms=12.5\n',
  'one address in 20 lines': `${'plain words in a line of a file that is printed to see it.\n'.repeat(19)}mail bob@example.com now\n`,
  'an address and a card in each line': 'Bob Miller,bob.miller@example.com,4111 1111 1111 1111,Hamburg\n',
  'colours (ls, grep)': '\x1b[0m\x1b[01;34mfolder\x1b[0m  \x1b[01;32mprogram\x1b[0m  file-12.txt  notes.md\r\n',
};
const chunkBytes = 32 * 1024;
const passBytes = 64 * 1024 * 1024;

function rate(mode: StreamMaskOptions['mode'], sample: string): number {
  const whole = Buffer.from(sample.repeat(Math.ceil((chunkBytes * 16) / sample.length)));
  let best = 0;
  for (let pass = 0; pass < 5; pass += 1) {
    const mask = createStreamMask({ detect: detectableTypes, mode });
    mask.resize(120);
    const start = process.cpuUsage();
    let bytes = 0;
    for (let at = 0; bytes < passBytes; at = (at + chunkBytes) % (whole.length - chunkBytes)) {
      mask.push(whole.subarray(at, at + chunkBytes));
      bytes += chunkBytes;
    }
    const { user, system } = process.cpuUsage(start);
    const seconds = (user + system) / 1e6;
    best = Math.max(best, bytes / 1e6 / seconds);
  }
  return best;
}

for (const [name, sample] of Object.entries(samples))
  console.log(
    `${name.padEnd(36)} exec ${rate('exec', sample).toFixed(0).padStart(5)}   terminal ${rate('terminal', sample).toFixed(0).padStart(5)}`,
  );
