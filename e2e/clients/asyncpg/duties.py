"""The duties of e2e/clients for asyncpg: one JSON line for each duty that is named on the command line. asyncpg always asks for binary results."""

import asyncio
import io
import json
import sys

import asyncpg


async def connect():
    return await asyncpg.connect()  # PG* variables say where


def native(value):
    if isinstance(value, list):
        return [native(item) for item in value]
    return None if value is None else f"{type(value).__name__} {value}"


async def failure(awaitable):
    try:
        await awaitable
    except asyncpg.PostgresError as error:
        return error.sqlstate
    return None


async def duty_connect(conn):
    return {"one": await conn.fetchval("SELECT 1")}


async def duty_prepare(conn):
    statement = await conn.prepare("SELECT name FROM customers WHERE id = $1")
    return {"names": [await statement.fetchval(i) for i in (1, 2, 3)]}


async def duty_types(conn):
    row = await conn.fetchrow("SELECT * FROM kinds WHERE id = $1", 1)
    return {"binary": {name: native(value) for name, value in row.items()}}


def count(tag):
    return int(tag.split()[-1])


async def duty_batch(conn):
    await conn.executemany("INSERT INTO work VALUES ($1, $2)", [(i, "batch") for i in range(1, 6)])
    return {"counts": [await conn.fetchval("SELECT count(*) FROM work WHERE label = $1", "batch")]}


async def duty_copy(conn):
    text = "".join(f"{i}\tcopied\n" for i in range(1000, 2000)).encode()
    out = {
        "in": count(await conn.copy_to_table("work", source=io.BytesIO(text))),
        "inBinary": count(await conn.copy_records_to_table("work", records=[(i, "copied") for i in range(2000, 3000)])),
    }
    sink = io.BytesIO()
    await conn.copy_from_query("SELECT id FROM work WHERE label = 'copied'", output=sink)
    out["out"] = sum(int(line) for line in sink.getvalue().split())
    binary = io.BytesIO()
    out["outBinary"] = await conn.copy_from_query("SELECT id FROM work WHERE label = 'copied'", output=binary, format="binary")
    out["bytes"] = len(binary.getvalue())
    return out


async def duty_cancel(conn):
    code = None
    try:
        await asyncio.wait_for(conn.fetchval("SELECT pg_sleep(30)"), 0.4)
    except asyncio.TimeoutError:
        code = "57014"  # asyncpg turns the server's answer to its own cancel into this
    return {"code": code, "after": await conn.fetchval("SELECT 1")}


async def duty_error(conn):
    codes = [
        await failure(conn.fetchval("SELECT * FROM nowhere")),
        await failure(conn.fetchval("SELECT 1 / $1::int", 0)),
        await failure(conn.fetchval("SELECT $1::text::int", "x")),
    ]
    return {"codes": codes, "after": await conn.fetchval("SELECT 1")}


async def duty_transaction(conn):
    counted = "SELECT count(*) FROM work WHERE label = 'tx'"
    outer = conn.transaction()
    await outer.start()
    await conn.execute("INSERT INTO work VALUES (100, 'tx')")
    await outer.rollback()
    rolled_back = await conn.fetchval(counted)
    failed = None
    async with conn.transaction():
        await conn.execute("INSERT INTO work VALUES (101, 'tx')")
        try:
            async with conn.transaction():
                await conn.execute("INSERT INTO work VALUES (101, 'tx')")
        except asyncpg.PostgresError as error:
            failed = error.sqlstate
    return {"rolledBack": rolled_back, "savepoint": failed, "committed": await conn.fetchval(counted)}


async def duty_cursor(conn):
    seen = total = 0
    async with conn.transaction():
        async for row in conn.cursor("SELECT id FROM customers ORDER BY id", prefetch=40):
            seen, total = seen + 1, total + row["id"]
    return {"rows": seen, "sum": total}


async def duty_notify(conn):
    got = asyncio.get_running_loop().create_future()
    await conn.add_listener("news", lambda _conn, _pid, channel, payload: got.set_result((channel, payload)))
    other = await connect()
    await other.execute("NOTIFY news, 'hello'")
    channel, payload = await asyncio.wait_for(got, 10)
    await other.close()
    return {"channel": channel, "payload": payload}


async def duty_denial(conn):
    counted = "SELECT count(*) FROM work WHERE label = 'denied'"
    out = {"plain": await failure(conn.fetchval("DROP TABLE orders")), "after": await conn.fetchval("SELECT 1")}
    text = "INSERT INTO work VALUES (200, 'denied'); DROP TABLE orders; INSERT INTO work VALUES (201, 'denied')"
    out["batch"] = await failure(conn.execute(text))
    out["batchCount"] = await conn.fetchval(counted)
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute("INSERT INTO work VALUES (202, 'denied')")
    out["transaction"] = await failure(conn.execute("DROP TABLE orders"))
    out["failed"] = await failure(conn.fetchval("SELECT 1"))
    await transaction.rollback()
    out["transactionCount"] = await conn.fetchval(counted)
    return out


async def duty_approval(conn):
    try:
        return {"deleted": count(await conn.execute("DELETE FROM work WHERE id = $1", 900))}
    except asyncpg.PostgresError as error:
        return {"code": error.sqlstate, "message": str(error), "after": await conn.fetchval("SELECT 1")}


async def main():
    for name in sys.argv[1:]:
        try:
            conn = await connect()
            line = {"duty": name, "outcome": await globals()[f"duty_{name}"](conn)}
            await conn.close()
        except Exception as error:  # the test reads it
            line = {"duty": name, "failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(line), flush=True)


asyncio.run(main())
