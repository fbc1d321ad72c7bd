import { describe, expect, it } from 'vitest';
import { admitStartupParameters } from '../src/index.ts';

describe('start-up parameters', () => {
  it.each([
    [
      { user: 'a', database: 'd', application_name: 'x' },
      { user: 'a', database: 'd', application_name: 'x' },
    ],
    [{ client_encoding: "'utf-8'" }, { client_encoding: 'UTF8' }],
    [{ client_encoding: 'UNICODE' }, { client_encoding: 'UTF8' }],
    [
      { datestyle: 'ISO', timezone: 'UTC' },
      { DateStyle: 'ISO', TimeZone: 'UTC' },
    ],
    [{ standard_conforming_strings: 'on', replication: 'false' }, {}],
    [
      { options: '-c search_path=a\\ b -cgeqo=off --statement-timeout=5s' },
      { search_path: 'a b', geqo: 'off', statement_timeout: '5s' },
    ],
    [{ options: '-c geqo=off', geqo: 'on' }, { geqo: 'on' }],
    [{ options: '  ' }, {}],
  ])('%j', (given, admitted) => {
    expect(admitStartupParameters(given as Record<string, string>)).toEqual({ admitted, refused: [] });
  });

  it.each([
    [{ client_encoding: 'LATIN1' }, 'client_encoding'],
    [{ replication: 'database' }, 'replication'],
    [{ standard_conforming_strings: 'off' }, 'standard_conforming_strings'],
    [{ role: 'postgres' }, 'role'],
    [{ session_authorization: 'postgres' }, 'session_authorization'],
    [{ session_preload_libraries: 'x' }, 'session_preload_libraries'],
    [{ application_name: 'x'.repeat(2000) }, 'application_name'],
    [{ options: '-c role=postgres' }, 'role'],
    [{ options: '-c user=x' }, 'options: user'],
    [{ options: '-d 5' }, 'options'],
    [{ options: '-c geqo' }, 'options'],
    [{ options: '-c' }, 'options'],
    [{ options: '-c standard_conforming_strings=off' }, 'standard_conforming_strings'],
    [{ __proto__x: 'y' }, '__proto__x'],
  ])('%j is refused with a reason', (given, name) => {
    const { refused } = admitStartupParameters(given as Record<string, string>);
    expect(refused).toEqual([{ name, why: expect.stringMatching(/.{10,}/) }]);
  });
});
