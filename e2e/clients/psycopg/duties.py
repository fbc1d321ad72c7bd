"""The duties of e2e/clients for psycopg 3: one JSON line for each duty that is named on the command line."""

import json
import sys
import threading

import psycopg


def connect(**options):
    return psycopg.connect("", **options)  # libpq's PG* variables say where


def native(value):
    """A value of the driver as a text that tells its type, too."""
    if isinstance(value, list):
        return [native(item) for item in value]
    return None if value is None else f"{type(value).__name__} {value}"


def first(cur, text, values=None):
    return cur.execute(text, values).fetchone()[0]


def failure(act):
    """What an act fails with; its SQLSTATE, or None."""
    try:
        act()
    except psycopg.Error as error:
        return error.sqlstate or f"none: {error}"
    return None


def duty_connect():
    with connect() as conn:
        return {"one": first(conn.cursor(), "SELECT 1")}


def duty_prepare():
    with connect() as conn:
        cur = conn.cursor()
        return {"names": [cur.execute("SELECT name FROM customers WHERE id = %s", (i,), prepare=True).fetchone()[0] for i in (1, 2, 3)]}


def duty_types():
    out = {}
    with connect() as conn:
        for name in ("text", "binary"):
            cur = conn.cursor(binary=name == "binary")
            row = cur.execute("SELECT * FROM kinds WHERE id = %s", (1,)).fetchone()
            out[name] = {column.name: native(value) for column, value in zip(cur.description, row)}
    return out


def duty_batch():
    counts = []
    with connect(autocommit=True) as conn:
        with conn.pipeline():
            cursors = [conn.execute("INSERT INTO work VALUES (%s, %s)", (i, "batch")) for i in (1, 2)]
            last = conn.execute("SELECT count(*) FROM work WHERE label = %s", ("batch",))
            counts = [cur.rowcount for cur in cursors] + [last.fetchone()[0]]
        many = conn.cursor()
        many.executemany("INSERT INTO work VALUES (%s, %s)", [(i, "many") for i in range(10, 15)])
        counts.append(many.rowcount)
    return {"counts": counts}


def duty_copy():
    out = {}
    with connect(autocommit=True) as conn:
        cur = conn.cursor()
        with cur.copy("COPY work FROM STDIN") as copy:
            for i in range(1000, 2000):
                copy.write_row((i, "copied"))
        out["in"] = cur.rowcount
        with cur.copy("COPY work FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            for i in range(2000, 3000):
                copy.write_row((i, "copied"))
        out["inBinary"] = cur.rowcount
        for name, options in (("out", ""), ("outBinary", " (FORMAT binary)")):
            with cur.copy("COPY (SELECT id, label FROM work WHERE label = 'copied') TO STDOUT" + options) as copy:
                copy.set_types(["int4", "text"])
                out[name] = sum(int(row[0]) for row in copy.rows())
    return out


def duty_cancel():
    with connect(autocommit=True) as conn:
        timer = threading.Timer(0.4, conn.cancel_safe)
        timer.start()
        code = failure(lambda: conn.execute("SELECT pg_sleep(30)"))
        timer.join()
        return {"code": code, "after": first(conn.cursor(), "SELECT 1")}


def duty_error():
    with connect(autocommit=True) as conn:
        codes = [
            failure(lambda: conn.execute("SELECT * FROM nowhere")),
            failure(lambda: conn.execute("SELECT 1 / %s::int", (0,))),
            failure(lambda: conn.execute("SELECT %s::int", ("x",))),
        ]
        return {"codes": codes, "after": first(conn.cursor(), "SELECT 1")}


def duty_transaction():
    with connect() as conn:
        cur = conn.cursor()
        cur.execute("INSERT INTO work VALUES (100, 'tx')")
        conn.rollback()
        rolled_back = first(cur, "SELECT count(*) FROM work WHERE label = 'tx'")
        cur.execute("INSERT INTO work VALUES (101, 'tx')")
        failed = None
        try:
            with conn.transaction():
                cur.execute("INSERT INTO work VALUES (101, 'tx')")
        except psycopg.Error as error:
            failed = error.sqlstate
        conn.commit()
        return {"rolledBack": rolled_back, "savepoint": failed, "committed": first(cur, "SELECT count(*) FROM work WHERE label = 'tx'")}


def duty_cursor():
    seen = total = 0
    with connect() as conn:
        with conn.cursor(name="walk") as cur:
            cur.itersize = 40
            for (i,) in cur.execute("SELECT id FROM customers ORDER BY id"):
                seen, total = seen + 1, total + i
        with conn.cursor() as cur:
            streamed = sum(1 for _ in cur.stream("SELECT id FROM customers"))
    return {"rows": seen, "sum": total, "streamed": streamed}


def duty_notify():
    with connect(autocommit=True) as conn, connect(autocommit=True) as other:
        conn.execute("LISTEN news")
        other.execute("NOTIFY news, 'hello'")
        got = next(conn.notifies(timeout=10))
        return {"channel": got.channel, "payload": got.payload}


def duty_denial():
    out = {}
    with connect(autocommit=True) as conn:
        cur = conn.cursor()
        out["plain"] = failure(lambda: cur.execute("DROP TABLE orders"))
        out["after"] = first(cur, "SELECT 1")

        def batch():
            with conn.pipeline():
                conn.execute("INSERT INTO work VALUES (200, 'denied')")
                conn.execute("DROP TABLE orders")
                conn.execute("INSERT INTO work VALUES (201, 'denied')")

        out["batch"] = failure(batch)
        out["batchCount"] = first(cur, "SELECT count(*) FROM work WHERE label = 'denied'")
        cur.execute("BEGIN")
        cur.execute("INSERT INTO work VALUES (202, 'denied')")
        out["transaction"] = failure(lambda: cur.execute("DROP TABLE orders"))
        out["failed"] = failure(lambda: cur.execute("SELECT 1"))
        cur.execute("ROLLBACK")
        out["transactionCount"] = first(cur, "SELECT count(*) FROM work WHERE label = 'denied'")
    return out


def duty_approval():
    with connect(autocommit=True) as conn:
        try:
            cur = conn.execute("DELETE FROM work WHERE id = %s", (900,))
            return {"deleted": cur.rowcount}
        except psycopg.Error as error:
            return {"code": error.sqlstate, "message": str(error), "after": first(conn.cursor(), "SELECT 1")}


for name in sys.argv[1:]:
    try:
        line = {"duty": name, "outcome": globals()[f"duty_{name}"]()}
    except Exception as error:  # the test reads it
        line = {"duty": name, "failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(line), flush=True)
