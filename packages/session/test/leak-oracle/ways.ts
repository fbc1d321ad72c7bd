import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
} from '@weir/wire-postgres';
import type { RawClient, RawMessage } from '../fixture/raw-client.ts';

/** One way to ask for a query's rows; all answers, those of the statements around it included. */
export type Way = (client: RawClient, sql: string) => Promise<RawMessage[]>;

const query = (text: string) => encodeQuery(text);
const several = async (client: RawClient, ...texts: readonly string[]) => {
  const answers: RawMessage[] = [];
  for (const text of texts) answers.push(...(await client.exchange(query(text))));
  return answers;
};
const extended = (sql: string, format: 0 | 1, between: readonly Buffer[] = []) => [
  encodeParse('', sql),
  encodeBind('', '', { resultFormats: [format] }),
  ...between,
  encodeExecute(''),
  encodeSync(),
];
const plan = (format: string, sql: string) =>
  `EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF, FORMAT ${format}) ${sql}`;

/** Formats and channels of rows. */
export const ways: Readonly<Record<string, Way>> = {
  query: (client, sql) => client.exchange(query(sql)),
  'extended, text': (client, sql) => client.exchange(...extended(sql, 0, [encodeDescribe('P', '')])),
  'extended, binary, no Describe': (client, sql) => client.exchange(...extended(sql, 1)),
  'COPY, text': (client, sql) => client.exchange(query(`COPY (${sql}) TO STDOUT`)),
  'COPY, CSV': (client, sql) => client.exchange(query(`COPY (${sql}) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)`)),
  'COPY, binary': (client, sql) => client.exchange(query(`COPY (${sql}) TO STDOUT (FORMAT binary)`)),
  'a cursor': (client, sql) =>
    several(client, `DECLARE c SCROLL CURSOR FOR ${sql}`, 'FETCH 1 c', 'FETCH FIRST c', 'CLOSE c'),
  'a binary cursor': (client, sql) => several(client, `DECLARE c BINARY CURSOR FOR ${sql}`, 'FETCH ALL c', 'CLOSE c'),
  'a portal by rows': async (client, sql) => {
    const bound = [encodeParse('s', sql), encodeDescribe('S', 's'), encodeBind('p', 's', { resultFormats: [1] })];
    const rows = await client.exchange(...bound, encodeExecute('p', 1), encodeExecute('p', 1), encodeSync());
    return [...rows, ...(await client.exchange(encodeClose('S', 's'), encodeSync()))];
  },
  'PREPARE and EXECUTE': (client, sql) => several(client, `PREPARE q AS ${sql}`, 'EXECUTE q', 'DEALLOCATE q'),
  'EXPLAIN, text': (client, sql) => client.exchange(query(plan('text', sql))),
  'EXPLAIN, JSON': (client, sql) => client.exchange(query(plan('json', sql))),
};
