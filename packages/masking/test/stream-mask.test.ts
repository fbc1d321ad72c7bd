import { describe, expect, test } from 'vitest';
import { maxHeldBytes } from '../src/index.ts';
import { masked, streamMask, throughMask } from './support/stream.ts';

describe('a program without a terminal', () => {
  test.each([
    ['bob@example.com\n', '[email]\n'],
    ['a,bob@example.com,b\n', 'a,[email],b\n'],
    ['card 4111 1111 1111 1111.\n', 'card [card].\n'],
    ['{"ssn":"123-45-6789","n":1}', '{"ssn":"[us-ssn]","n":1}'],
    ['DE89 3704 0044 0532 0130 00', '[iban]'],
    ['call +49 30 901820\n', 'call [phone]\n'],
    ['\x1b[31mbob@example.com\x1b[m\n', '\x1b[31m[email]\x1b[m\n'],
    ['bob@\x1b[1;31mexample\x1b[m\x1b[K.com\n', '[email]\x1b[1;31m\x1b[m\x1b[K\n'],
    ['4111\x1b[1m1111\x1b[m11111111\n', '[card]\x1b[1m\x1b[m\n'],
    [
      '\x1b]0;title\x07bob@\x1b]8;;http://x\x1b\\example.com\x1b]8;;\x1b\\\n',
      '\x1b]0;title\x07[email]\x1b]8;;http://x\x1b\\\x1b]8;;\x1b\\\n',
    ],
    ['bob@\x1bP1;2qdata\x1b\\example.com\n', '[email]\x1bP1;2qdata\x1b\\\n'],
    ['bob@\x1b(B\x0fexample.com\n', '[email]\x1b(B\x0f\n'],
    ['bob@\u009b31mexample.com\n', '[email]\u009b31m\n'],
    ['bob@\u009dtitle\u009cexample.com\n', '[email]\u009dtitle\u009c\n'],
    ['bob@e\x1bNxample.com\n', '[email]\x1bNx\n'],
    ['bob@\x07exam\x00ple.com\n', 'bob@\x07exam\x00ple.com\n'],
    ['jürgen@müller.de\r\n', '[email]\r\n'],
    ['tab\tbob@example.com\r', 'tab\t[email]\r'],
    ['4111\x1b[C1111\x1b[C1111\x1b[C1111\n', '[card]\x1b[C\x1b[C\x1b[C\n'],
    ['41\x1b[2b 1111 1111 1111\n', '[card]\x1b[2b\n'],
    // The man pages' bold: each character is printed twice.
    ['a\bab\bb@\b@c\bc.\b.d\bde\be\n', '*\b**\b**\b**\b**\b**\b**\b*\n'],
    ['bob@examX\bple.com\n', '********X\b*******\n'],
    ['bob@example.com\b\b\b   \n', '***************\b\b\b   \n'],
  ])('%j', (output, wanted) => {
    expect(masked('exec', output)).toBe(wanted);
  });

  test.each([
    '',
    'nothing here\n',
    'user@host\n',
    '\x1b[4111;1111mred\x1b[0m 1111 1111\n',
    '\x1b[41m11 1111 1111 1111\x1b[m\n',
    '2026-11-25 18:00:00 +0200 10.0.0.1\r\n',
    'bob\n@example.com\n',
    '4111 1111\x1b[2;1H1111 1111\n',
    '漢字 𝄞 ü \x1b[5m\u0085\u0080\n',
  ])('leaves as it is: %j', (output) => {
    expect(masked('exec', output)).toBe(output);
    expect(masked('terminal', output, 80)).toBe(output);
  });

  test('holds back what can become a value until it is decided', () => {
    const mask = streamMask('exec');
    expect(mask.push(Buffer.from('name: bob')).toString()).toBe('name: ');
    expect(mask.held).toBe(3);
    expect(mask.push(Buffer.from('@example.com')).toString()).toBe('');
    expect(mask.push(Buffer.from(' 41')).toString()).toBe('[email] ');
    expect(mask.flush().toString()).toBe('41');
    expect(mask.held).toBe(0);
    expect(mask.found.email).toBe(1);
  });

  test('a question is not held back', () => {
    for (const question of ['Password: ', 'Continue (y/n)? ', '>>> ', '$ ', '[1/3] ', 'mysql> ']) {
      const mask = streamMask('exec');
      expect(mask.push(Buffer.from(question)).toString()).toBe(question);
    }
  });

  test('holds back a bounded number of bytes', () => {
    const mask = streamMask('exec');
    for (let i = 0; i < maxHeldBytes; i += 1) {
      mask.push(Buffer.from('aaa '));
      expect(mask.held).toBeLessThan(maxHeldBytes);
    }
    const string = streamMask('exec');
    string.push(Buffer.from('\x1b]52;c;'));
    for (let i = 0; i < 600; i += 1) {
      string.push(Buffer.from('a'.repeat(17)));
      expect(string.held).toBeLessThan(maxHeldBytes);
    }
    expect(string.push(Buffer.from('\x07bob@example.com\n')).toString()).toBe('\x07[email]\n');
  });

  test('long lines without an end have their values masked', () => {
    for (const filler of ['a ', 'abc', '1 ', '-', '\x1b[1ma ']) {
      const output = `${filler.repeat(5000)} bob@example.com ${filler.repeat(5000)} 4111111111111111`;
      const out = masked('exec', output);
      expect(out).not.toContain('bob@example.com');
      expect(out).not.toContain('4111111111111111');
    }
  });

  test('data is passed and counted', () => {
    const mask = streamMask('exec');
    const data = Buffer.concat([Buffer.from('PK\0'), Buffer.from('bob@example.com')]);
    expect(throughMask(mask, [data])).toEqual(data);
    expect(mask.binaryBytes).toBe(15);
    const latin1 = Buffer.from('b\xfcb@ex\xe4mple.com\n', 'latin1');
    expect(throughMask(streamMask('exec'), [latin1])).toEqual(latin1);
    const mixed = streamMask('exec');
    expect(throughMask(mixed, [Buffer.from('\xff\xfebob@example.com\n', 'latin1')]).toString('latin1')).toBe(
      '\xff\xfe[email]\n',
    );
    const later = Buffer.concat([Buffer.alloc(10), Buffer.alloc(5000, 'x y '), Buffer.from('\nbob@example.com\n')]);
    expect(throughMask(streamMask('exec'), [later]).toString()).toContain('\n[email]\n');
  });
});

describe('a terminal', () => {
  test.each([
    ['bob@example.com\r\n', '[email********]\r\n'],
    ['bob@x.io\r\n', '[email*]\r\n'],
    ['a@b.co\r\n', '******\r\n'],
    ['| 4111111111111111 | x |\r\n', '| [card**********] | x |\r\n'],
    ['漢字@例え.jp\r\n', '[email*****]\r\n'],
    ['bob@\x1b[31mexample\x1b[m.com\r\n', '[ema\x1b[31mil*****\x1b[m***]\r\n'],
    ['123-45-6789', '[us-ssn***]'],
  ])('%j keeps its columns', (output, wanted) => {
    expect(masked('terminal', output, 80)).toBe(wanted);
  });

  test.each([
    // 20 columns: what wraps by itself has nothing in between.
    ['mail 567890 bob@example.com end\r\n', 'mail 567890 [email********] end\r\n'],
    // A program that breaks the line at the margin itself.
    ['mail 5678901 bob@exa\r\nmple.com end\r\n', 'mail 5678901 [email*\r\n*******] end\r\n'],
    // readline: a blank that wraps, and a carriage return.
    ['mail 5678901 bob@exa \rmple.com end\r\n', 'mail 5678901 [email* \r*******] end\r\n'],
    ['x\r\nmail 5678901 bob@exa\r\nmple.com end\r\n', 'x\r\nmail 5678901 [email*\r\n*******] end\r\n'],
    ['\x1b[1mmail\x1b[m 5678901 bob@exa\r\nmple.com end\r\n', '\x1b[1mmail\x1b[m 5678901 [email*\r\n*******] end\r\n'],
    // Not at the margin: two lines.
    ['mail 567890 bob@exa\r\nmple.com end\r\n', 'mail 567890 bob@exa\r\nmple.com end\r\n'],
  ])('%j at the right margin', (output, wanted) => {
    expect(masked('terminal', output, 20)).toBe(wanted);
  });

  test('the echo of keys leaves at once, and the end of a typed value is masked', () => {
    const mask = streamMask('terminal', 80);
    let out = '';
    for (const key of 'echo bob@example.com') {
      out += mask.push(Buffer.from(key)).toString();
      if (!out.includes('@') && key !== '@') expect(mask.held).toBe(0);
      out += mask.release().toString();
    }
    expect(out).toBe('echo bob@example.c**');
  });

  test('what was released is remembered', () => {
    const mask = streamMask('terminal', 80);
    expect(mask.push(Buffer.from('the number of the card is 4111 1111 11')).toString()).toBe(
      'the number of the card is ',
    );
    expect(mask.release().toString()).toBe('4111 1111 11');
    expect(mask.push(Buffer.from('11 11')).toString()).toBe('');
    expect(mask.push(Buffer.from('11\r\n')).toString()).toBe('*******\r\n');
  });

  test('a screen that was drawn by places', () => {
    const output = '\x1b[?1049h\x1b[2J\x1b[1;1H1 bob@example.com\x1b[K\x1b[2;1H2 4111111111111111\x1b[3;1H~';
    expect(masked('terminal', output, 80)).toBe(
      '\x1b[?1049h\x1b[2J\x1b[1;1H1 [email********]\x1b[K\x1b[2;1H2 [card**********]\x1b[3;1H~',
    );
  });

  test('bytes that are no text are masked as well', () => {
    const output = Buffer.from('b\xfcb@example.com\0 4111\x00111111111111\r\n', 'latin1');
    expect(throughMask(streamMask('terminal', 80), [output]).toString('latin1')).toBe(
      '[email********]\0 [car\0d**********]\r\n',
    );
  });
});
