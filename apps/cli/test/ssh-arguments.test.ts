import { describe, expect, test } from 'vitest';
import { parseSshArguments } from '../src/ssh/ssh-arguments.ts';

describe('the arguments of weir ssh', () => {
  test.each([
    [['web'], { options: [], connection: 'web', command: [] }],
    [['web', '--', 'uptime'], { options: [], connection: 'web', command: ['uptime'] }],
    [['web', 'ls', '-la'], { options: [], connection: 'web', command: ['ls', '-la'] }],
    [['web', '--', '-x', '--', 'y'], { options: [], connection: 'web', command: ['-x', '--', 'y'] }],
    [['--', 'web', 'id'], { options: [], connection: 'web', command: ['id'] }],
    [['-NL', '8080:db:80', 'web'], { options: ['-NL', '8080:db:80'], connection: 'web', command: [] }],
    [['-L8080:db:80', 'web', '-v', 'id'], { options: ['-L8080:db:80', '-v'], connection: 'web', command: ['id'] }],
    [['-o', 'A=b', 'web', '-tt'], { options: ['-o', 'A=b', '-tt'], connection: 'web', command: [] }],
    [['-vvvAo', 'X=-p', 'web'], { options: ['-vvvAo', 'X=-p'], connection: 'web', command: [] }],
    // What looks like an option is the value of -o here.
    [['-o', '-l', 'web'], { options: ['-o', '-l'], connection: 'web', command: [] }],
  ])('%j', (args, wanted) => {
    expect(parseSshArguments(args)).toEqual(wanted);
  });

  test.each([
    [[], 'The name of the host is missing.'],
    [['-N'], 'The name of the host is missing.'],
    [['root@web'], 'The account at the host is that of the connection.'],
    [['-p', '22', 'web'], 'weir ssh takes no -p.'],
    [['-p22', 'web'], 'weir ssh takes no -p.'],
    [['web', '-l', 'root'], 'weir ssh takes no -l.'],
    [['-NJ', 'bastion', 'web'], 'weir ssh takes no -J.'],
    [['-L'], 'The option -L needs a value.'],
  ])('%j is refused', (args, message) => {
    expect(() => parseSshArguments(args)).toThrow(message);
  });
});
