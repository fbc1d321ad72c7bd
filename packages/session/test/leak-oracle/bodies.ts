import { type Script, shapesOf } from './script.ts';

/** Functions of users whose bodies reach the vault in every way; part of the schema. */
export const bodyFunctions = `
CREATE FUNCTION peek(int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT m_text FROM vault WHERE id = $1 $$;
CREATE FUNCTION peek_rows() RETURNS SETOF vault LANGUAGE sql AS $$ SELECT * FROM vault $$;
CREATE FUNCTION peek_table() RETURNS TABLE (a text, b int) LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT m_text, m_int4 FROM vault ORDER BY id; END $$;
CREATE FUNCTION peek_out(OUT a text, OUT b text) LANGUAGE plpgsql AS $$ BEGIN SELECT clear, m_text INTO a, b FROM vault WHERE id = 1; END $$;
CREATE FUNCTION peek_loop() RETURNS text LANGUAGE plpgsql AS
  $$ DECLARE r record; t text := ''; BEGIN FOR r IN SELECT * FROM vault ORDER BY id LOOP t := t || r.m_text; END LOOP; RETURN t; END $$;
CREATE FUNCTION peek_if() RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN IF (SELECT m_text LIKE 'q_k%' FROM vault WHERE id = 1) THEN RETURN 1; END IF; RETURN 2; END $$;
CREATE FUNCTION peek_raise() RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN RAISE NOTICE '%', (SELECT m_text FROM vault WHERE id = 1); RETURN 1; END $$;
CREATE FUNCTION peek_diagnostics() RETURNS text LANGUAGE plpgsql AS $$ DECLARE m text; BEGIN PERFORM m_text::int FROM vault; RETURN '';
  EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS m = MESSAGE_TEXT; RETURN m; END $$;
CREATE FUNCTION peek_sqlerrm() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM m_text::int FROM vault; RETURN ''; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$;
CREATE FUNCTION peek_dynamic() RETURNS text LANGUAGE plpgsql AS $$ DECLARE t text; BEGIN EXECUTE 'SELECT m_' || 'text FROM vault WHERE id = 1' INTO t; RETURN t; END $$;
CREATE FUNCTION peek_setting() RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM set_config('app.peek', (SELECT m_text FROM vault WHERE id = 1), false); RETURN current_setting('app.peek'); END $$;
CREATE FUNCTION peek_cursor() RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE c refcursor := 'peeked'; BEGIN OPEN c FOR SELECT m_text FROM vault; RETURN c; END $$;
CREATE FUNCTION peek_store() RETURNS int LANGUAGE sql AS $$ UPDATE plain SET label = (SELECT m_text FROM vault WHERE id = 1) WHERE id = 1; SELECT 1 $$;
CREATE FUNCTION peek_path() RETURNS text LANGUAGE sql SET search_path = public AS $$ SELECT m_text FROM vault WHERE id = 1 $$;
CREATE FUNCTION peek_row(vault) RETURNS text LANGUAGE sql AS $$ SELECT $1.m_text $$;
CREATE FUNCTION peek_default(a text DEFAULT peek(1)) RETURNS text LANGUAGE sql AS $$ SELECT a $$;
CREATE FUNCTION peek_deep() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT a FROM peek_table() LIMIT 1); END $$;
CREATE FUNCTION peek_inner(text) RETURNS text LANGUAGE sql AS $$ SELECT upper($1) $$;
CREATE FUNCTION peek_rowtype() RETURNS text LANGUAGE plpgsql AS $$ DECLARE v vault%ROWTYPE; BEGIN SELECT * INTO v FROM vault WHERE id = 1; RETURN v.m_text; END $$;
CREATE FUNCTION peek_assign() RETURNS text LANGUAGE plpgsql AS $$ DECLARE a text[]; BEGIN a[1] := m_text FROM vault WHERE id = 1; RETURN a[1]; END $$;
CREATE FUNCTION peek_returning() RETURNS text LANGUAGE plpgsql AS
  $$ DECLARE t text; BEGIN UPDATE vault SET clear = clear WHERE id = 1 RETURNING m_text INTO t; RETURN t; END $$;
CREATE PROCEDURE peek_call(INOUT a text) LANGUAGE plpgsql AS $$ BEGIN SELECT m_text INTO a FROM vault WHERE id = 1; END $$;
CREATE FUNCTION glue_state(text, text) RETURNS text LANGUAGE sql AS $$ SELECT coalesce($1, '') || $2 || peek(1) $$;
CREATE AGGREGATE peek_all(text) (sfunc = glue_state, stype = text);
CREATE FUNCTION peek_plus(text, int) RETURNS text LANGUAGE sql AS $$ SELECT m_text FROM vault WHERE id = $2 $$;
CREATE OPERATOR @@@ (leftarg = text, rightarg = int, function = peek_plus);
CREATE VIEW v_fn AS SELECT id, peek(id) AS clear FROM plain;`;

const script = (...statements: readonly string[]): Script => ({ statements });

/** Their calls, whether the bodies can be followed or not. */
export const bodyScripts: readonly Script[] = [
  ...shapesOf(
    0,
    'SELECT peek(1)',
    'SELECT label, peek(id) FROM plain ORDER BY id',
    'SELECT upper(peek(n)) FROM plain WHERE id = 1',
    'SELECT * FROM peek_rows() ORDER BY id',
    'SELECT clear, m_text FROM peek_rows() ORDER BY id',
    'SELECT peek_rows()',
    'SELECT (peek_rows()).m_text',
    'SELECT * FROM peek_table()',
    'SELECT b, a FROM peek_table() AS t(a, b)',
    'SELECT * FROM peek_out()',
    'SELECT (peek_out()).b',
    'SELECT peek_loop()',
    'SELECT peek_if()',
    'SELECT peek_diagnostics()',
    'SELECT peek_sqlerrm()',
    'SELECT peek_raise()',
    'SELECT peek_dynamic()',
    'SELECT peek_setting()',
    'SELECT peek_path()',
    'SELECT peek_row(v) FROM vault v ORDER BY id',
    'SELECT v.peek_row FROM vault v ORDER BY id',
    'SELECT peek_default()',
    'SELECT peek_deep()',
    'SELECT peek_rowtype()',
    'SELECT peek_assign()',
    'SELECT peek_returning()',
    'SELECT peek_inner(m_text) FROM vault ORDER BY id',
    'SELECT peek_inner(clear) FROM vault ORDER BY id',
    "CALL peek_call('x')",
    'SELECT peek_all(label) FROM plain',
    "SELECT 'x' @@@ 1",
    'TABLE v_fn',
    'SELECT lower(clear) FROM v_fn ORDER BY id',
    'COPY (SELECT peek(1), clear FROM v_fn ORDER BY id) TO STDOUT',
    'SELECT * FROM plain, LATERAL (SELECT peek(id) AS p) l ORDER BY id',
    'INSERT INTO plain SELECT 9, peek(1), 1 RETURNING label',
    'UPDATE plain SET label = peek(1) WHERE id = 1 RETURNING label',
    'DO $$ BEGIN PERFORM (SELECT m_text FROM vault WHERE id = 1)::int; END $$',
  ),
  script('SELECT peek_cursor()', 'FETCH ALL FROM peeked'),
  script('SELECT peek_setting()', 'SHOW app.peek', "SELECT current_setting('app.peek')"),
  script('SELECT peek_store()', 'SELECT label FROM plain ORDER BY id'),
  script('CREATE TEMP TABLE vault (id int, m_text text)', 'SELECT peek(1)', 'SELECT peek_path()', 'SELECT peek_loop()'),
  script(
    'CREATE TEMP TABLE hidden AS SELECT 1 AS id',
    'SET LOCAL search_path = pg_temp, public',
    'SELECT peek(1), peek_path()',
  ),
  script(
    "CREATE OR REPLACE FUNCTION peek_inner(text) RETURNS text LANGUAGE sql AS 'SELECT m_text FROM vault WHERE id = 1'",
    "SELECT peek_inner('x')",
  ),
  script('PREPARE p AS SELECT peek(1)', 'EXECUTE p'),
  script('DECLARE c CURSOR FOR SELECT peek(id) FROM plain', 'FETCH ALL c'),
  script(
    'DO $$ DECLARE t text; BEGIN SELECT m_text INTO t FROM vault WHERE id = 1; UPDATE plain SET label = t; END $$',
    'TABLE plain',
  ),
];
