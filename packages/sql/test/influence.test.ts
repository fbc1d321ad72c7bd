import { describe, expect, test } from 'vitest';
import { createPostgresAnalyser } from '../src/index.ts';
import { fixtureCatalog, requestOf } from './fixture-catalog.ts';

const analyser = await createPostgresAnalyser();
analyser.loadCatalog(fixtureCatalog);

function factsOf(sql: string) {
  const result = analyser.analyse(requestOf(sql));
  if (!result.ok) throw new Error(`${result.problem}: ${result.message}`);
  const [statement] = result.statements;
  if (statement === undefined) throw new Error('one statement expected');
  return statement.facts;
}

/** Ways in which users.email shapes the answer. */
const waysOf = (sql: string) =>
  factsOf(sql)
    .influence.filter(({ table, column }) => table === 'users' && column === 'email')
    .flatMap(({ ways }) => ways)
    .sort()
    .join(' ');

describe('ways of influence', () => {
  test.each([
    ["select id from users where email like 'a%'", 'filter'],
    ["select id from users where exists (select 1 from users u where u.email = 'a' and u.id = users.id)", 'filter'],
    ['select exists (select email from users)', 'filter'],
    ["select id from users where id in (select id from users where email = 'a')", 'filter'],
    ["select count(*) from users group by id having max(email) > 'a'", 'filter'],
    ["select count(*) filter (where email = 'a') from users", 'filter'],
    ["select id from users limit (select count(*) from users where email = 'a')", 'filter'],
    ['select id from users offset (select length(max(email)) from users)', 'filter'],
    ["select email from users intersect select 'a@b.c'", 'filter'],
    ["select email from users except select 'a@b.c'", 'filter'],
    ["select email from users except all select 'a@b.c'", 'filter'],
    ["select 'a@b.c' intersect all select email from users", 'filter'],
    ["delete from users where email = 'a'", 'filter'],
    ["update users set name = 'x' where email = 'a'", 'filter'],
    ['select u.id from users u join customers c on c.email = u.email', 'join'],
    ['select u.id from users u join customers c using (email)', 'join'],
    ['select u.id from users u left join lateral (select 1) x on u.email is null', 'join'],
    ['merge into t using users u on t.name = u.email when matched then delete', 'filter join'],
    ['select count(*) from users group by email', 'group'],
    ['select count(*) from users group by 1, email', 'group'],
    ['select count(*) from users group by rollup (email)', 'group'],
    ['select distinct email from users', 'group'],
    ['select distinct id, upper(email) from users', 'group'],
    ['select distinct on (email) id from users', 'group'],
    ["select email from users union select 'a@b.c'", 'group'],
    ["select email from users union all select 'a@b.c'", ''],
    ['select row_number() over (partition by email) from users', 'group'],
    ['select row_number() over (order by email) from users', 'order'],
    ['select row_number() over w from users window w as (order by email)', 'order'],
    ['select id from users order by email', 'order'],
    ['select id, email from users order by 2', 'order'],
    ['select id, email as e from users order by e', 'order'],
    ['select array_agg(id order by email) from users', 'order'],
    ['select count(email) from users', 'count'],
    ['select count(distinct email) from users', 'count'],
    ["select id from users where email = 'a' order by email", 'filter order'],
    ['select email, upper(email) from users', ''],
    ['select count(*) from users', ''],
    ['with x as (select id, email as e from users) select id from x where e is not null', 'filter'],
    ["explain select id from users where email = 'a'", 'filter'],
    ["copy (select id from users where email = 'a') to stdout", 'filter'],
  ])('%s: %s', (sql, expected) => {
    expect(waysOf(sql)).toBe(expected);
  });

  test('an EXECUTE has those of what was prepared', () => {
    const facts = factsOf("select id from users where email = 'a' order by email");
    const result = analyser.analyse({
      ...requestOf('execute p'),
      objects: { prepared: { p: { facts } }, cursors: {} },
    });
    expect(result.ok && result.statements[0]?.facts.influence).toEqual(facts.influence);
  });
});

/** Size of the groups of the last output, or null. */
const sizeOf = (sql: string) => factsOf(sql).outputs?.at(-1)?.aggregate?.groupSize ?? null;

describe('groups that the query itself keeps large', () => {
  const from = 'from hr.users group by id having';
  test.each([
    [`select avg(salary) ${from} count(salary) >= 5`, 5],
    [`select id, sum(salary) ${from} count(salary) > 5`, 6],
    [`select sum(users.salary) ${from} 5 <= count(users.salary)`, 5],
    [`select sum(u.salary) from hr.users u having 5 < count(salary) and max(id) > 3`, 6],
    [`select round(avg(salary), 2)::text ${from} count(salary) >= 5`, 5],
    ['select avg(id) from hr.users having count(*) >= 7', 7],
    [`select * from (select avg(salary) as a ${from} count(salary) >= 5) x`, 5],
    [`with x as (select avg(salary) as a ${from} count(salary) >= 5) select * from x`, 5],
    ['select avg(id) from events having count(id) >= 5', 5],
  ])('%s: %j', (sql, expected) => {
    expect(sizeOf(sql)).toBe(expected);
  });

  test.each([
    ['no HAVING', 'select avg(salary) from hr.users'],
    ['a WHERE in its place', 'select avg(salary) from hr.users where id > 5'],
    ['rows whose value may be NULL', `select avg(salary) ${from} count(*) >= 5`],
    ['a count of another column', `select avg(salary) ${from} count(id) >= 5`],
    ['OR', `select avg(salary) ${from} count(salary) >= 5 or true`],
    ['NOT', `select avg(salary) ${from} not count(salary) >= 5`],
    ['an upper bound', `select avg(salary) ${from} count(salary) <= 5`],
    ['equality', `select avg(salary) ${from} count(salary) <> 5`],
    ['a parameter', `select avg(salary) ${from} count(salary) >= $1`],
    ['a computed bound', `select avg(salary) ${from} count(salary) >= 5 - 4`],
    ['a negative bound', `select avg(salary) ${from} count(salary) >= -5`],
    ['a text bound', `select avg(salary) ${from} count(salary) >= '5'`],
    ['DISTINCT in the count', `select avg(salary) ${from} count(distinct salary) >= 5`],
    ['FILTER in the count', `select avg(salary) ${from} count(salary) filter (where true) >= 5`],
    ['DISTINCT', `select avg(distinct salary) ${from} count(salary) >= 5`],
    ['FILTER', `select avg(salary) filter (where id = 1) ${from} count(salary) >= 5`],
    ['an order inside', `select sum(salary order by id) ${from} count(salary) >= 5`],
    ['a window', 'select avg(salary) over () from hr.users group by salary having count(salary) >= 5'],
    ['an expression inside', `select sum(case when id = 1 then salary else 0 end) ${from} count(salary) >= 5`],
    ['a product inside', `select sum(salary * (id = 1)::int) ${from} count(salary) >= 5`],
    ['min', `select min(salary) ${from} count(salary) >= 5`],
    ['max', `select max(salary) ${from} count(salary) >= 5`],
    ['array_agg', `select array_agg(salary) ${from} count(salary) >= 5`],
    ['a sum with something else', `select avg(salary) + min(salary) ${from} count(salary) >= 5`],
    ['a difference of sums', `select sum(salary) - sum(salary) ${from} count(salary) >= 5`],
    ['a join', 'select avg(salary) from hr.users, generate_series(1, 9) having count(salary) >= 5'],
    ['a cross join', 'select avg(u.salary) from hr.users u cross join t having count(u.salary) >= 5'],
    ['a sub-select', 'select avg(salary) from (select * from hr.users limit 1) x having count(salary) >= 1'],
    ['a CTE', 'with u as (select * from hr.users) select avg(salary) from u having count(salary) >= 5'],
    ['a sample', 'select avg(salary) from hr.users tablesample system (1) having count(salary) >= 5'],
    ['a view', 'select sum(id) from v_users having count(id) >= 5'],
    ['a union', `select avg(salary) ${from} count(salary) >= 5 union select 1`],
    ['groups of the column', 'select avg(salary) from hr.users group by salary having count(salary) >= 5'],
    ['groups by a part of it', 'select avg(salary) from hr.users group by salary / 10 having count(salary) >= 5'],
    ['a filter by the column', 'select avg(salary) from hr.users where salary > 9 having count(salary) >= 5'],
    [
      'a filter by the column elsewhere',
      'select avg(salary) from hr.users where id in (select id from hr.users where salary > 9) having count(salary) >= 5',
    ],
    [
      'rows chosen by its order',
      'select avg(salary) from hr.users where id in (select id from hr.users order by salary limit 5) having count(salary) >= 5',
    ],
    ['HAVING by the sum', `select avg(salary) ${from} count(salary) >= 5 and avg(salary) > 9`],
    ['an outer column', 'select (select avg(u.salary) from t having count(u.salary) >= 5) from hr.users u'],
  ])('not with %s', (_name, sql) => {
    expect(sizeOf(sql)).toBeNull();
  });
});
