// The duties of e2e/clients for pgx: one JSON line for each duty that is named on the command line.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

type outcome = map[string]any

var ctx = context.Background()

// PG* variables say where.
func connect() *pgx.Conn {
	conn, err := pgx.Connect(ctx, "")
	check(err)
	return conn
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func code(err error) any {
	var failed *pgconn.PgError
	if errors.As(err, &failed) {
		return failed.Code
	}
	if err != nil {
		return err.Error()
	}
	return nil
}

func exec(conn *pgx.Conn, sql string, args ...any) (int64, error) {
	tag, err := conn.Exec(ctx, sql, args...)
	return tag.RowsAffected(), err
}

func first(conn *pgx.Conn, sql string, args ...any) any {
	var value any
	check(conn.QueryRow(ctx, sql, args...).Scan(&value))
	return value
}

func native(value any) any {
	if value == nil {
		return nil
	}
	if items, ok := value.([]any); ok {
		texts := make([]any, len(items))
		for i, item := range items {
			texts[i] = native(item)
		}
		return texts
	}
	text, err := json.Marshal(value)
	check(err)
	return fmt.Sprintf("%s %s", reflect.TypeOf(value), text)
}

func kinds(conn *pgx.Conn, mode pgx.QueryExecMode) outcome {
	rows, err := conn.Query(ctx, "SELECT * FROM kinds WHERE id = $1", mode, 1)
	check(err)
	defer rows.Close()
	if !rows.Next() {
		panic(fmt.Sprint("no row ", rows.Err()))
	}
	values, err := rows.Values()
	check(err)
	out := outcome{}
	for i, field := range rows.FieldDescriptions() {
		out[field.Name] = native(values[i])
	}
	return out
}

var duties = map[string]func(conn *pgx.Conn) outcome{
	"connect": func(conn *pgx.Conn) outcome { return outcome{"one": first(conn, "SELECT 1")} },
	"prepare": func(conn *pgx.Conn) outcome {
		_, err := conn.Prepare(ctx, "one", "SELECT name FROM customers WHERE id = $1")
		check(err)
		names := []any{}
		for _, id := range []int{1, 2, 3} {
			names = append(names, first(conn, "one", id))
		}
		return outcome{"names": names}
	},
	// The simple protocol answers in text, the others in binary.
	"types": func(conn *pgx.Conn) outcome {
		return outcome{"text": kinds(conn, pgx.QueryExecModeSimpleProtocol), "binary": kinds(conn, pgx.QueryExecModeCacheStatement),
			"described": kinds(conn, pgx.QueryExecModeDescribeExec)}
	},
	"batch": func(conn *pgx.Conn) outcome {
		batch := &pgx.Batch{}
		batch.Queue("INSERT INTO work VALUES ($1, $2)", 1, "batch")
		batch.Queue("INSERT INTO work VALUES ($1, $2)", 2, "batch")
		batch.Queue("SELECT count(*) FROM work WHERE label = $1", "batch")
		results := conn.SendBatch(ctx, batch)
		counts := []int64{}
		for range 2 {
			tag, err := results.Exec()
			check(err)
			counts = append(counts, tag.RowsAffected())
		}
		var count int64
		check(results.QueryRow().Scan(&count))
		check(results.Close())
		return outcome{"counts": append(counts, count)}
	},
	"copy": func(conn *pgx.Conn) outcome {
		in, err := conn.CopyFrom(ctx, pgx.Identifier{"work"}, []string{"id", "label"}, pgx.CopyFromSlice(1000, func(i int) ([]any, error) {
			return []any{2000 + i, "copied"}, nil
		}))
		check(err)
		var text strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&text, "%d\tcopied\n", 1000+i)
		}
		tag, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(text.String()), "COPY work FROM STDIN")
		check(err)
		var sink bytes.Buffer
		_, err = conn.PgConn().CopyTo(ctx, &sink, "COPY (SELECT id FROM work WHERE label = 'copied') TO STDOUT")
		check(err)
		sum := 0
		for _, line := range strings.Fields(sink.String()) {
			var id int
			fmt.Sscan(line, &id)
			sum += id
		}
		return outcome{"inBinary": in, "in": tag.RowsAffected(), "out": sum}
	},
	"cancel": func(conn *pgx.Conn) outcome {
		time.AfterFunc(400*time.Millisecond, func() { check(conn.PgConn().CancelRequest(ctx)) })
		_, err := exec(conn, "SELECT pg_sleep(30)")
		return outcome{"code": code(err), "after": first(conn, "SELECT 1")}
	},
	"error": func(conn *pgx.Conn) outcome {
		_, missing := exec(conn, "SELECT * FROM nowhere")
		_, division := exec(conn, "SELECT 1 / $1::int", 0)
		_, cast := exec(conn, "SELECT $1::text::int", "x")
		return outcome{"codes": []any{code(missing), code(division), code(cast)}, "after": first(conn, "SELECT 1")}
	},
	"transaction": func(conn *pgx.Conn) outcome {
		const counted = "SELECT count(*) FROM work WHERE label = 'tx'"
		tx, err := conn.Begin(ctx)
		check(err)
		_, err = tx.Exec(ctx, "INSERT INTO work VALUES (100, 'tx')")
		check(err)
		check(tx.Rollback(ctx))
		rolledBack := first(conn, counted)
		tx, err = conn.Begin(ctx)
		check(err)
		_, err = tx.Exec(ctx, "INSERT INTO work VALUES (101, 'tx')")
		check(err)
		inner, err := tx.Begin(ctx)
		check(err)
		_, failed := inner.Exec(ctx, "INSERT INTO work VALUES (101, 'tx')")
		check(inner.Rollback(ctx))
		check(tx.Commit(ctx))
		return outcome{"rolledBack": rolledBack, "savepoint": code(failed), "committed": first(conn, counted)}
	},
	"cursor": func(conn *pgx.Conn) outcome {
		rows, err := conn.Query(ctx, "SELECT id FROM customers ORDER BY id")
		check(err)
		seen, sum := 0, 0
		for rows.Next() {
			var id int
			check(rows.Scan(&id))
			seen, sum = seen+1, sum+id
		}
		check(rows.Err())
		return outcome{"rows": seen, "sum": sum}
	},
	"notify": func(conn *pgx.Conn) outcome {
		_, err := exec(conn, "LISTEN news")
		check(err)
		other := connect()
		defer other.Close(ctx)
		_, err = exec(other, "NOTIFY news, 'hello'")
		check(err)
		limit, stop := context.WithTimeout(ctx, 10*time.Second)
		defer stop()
		got, err := conn.WaitForNotification(limit)
		check(err)
		return outcome{"channel": got.Channel, "payload": got.Payload}
	},
	"denial": func(conn *pgx.Conn) outcome {
		const counted = "SELECT count(*) FROM work WHERE label = 'denied'"
		_, plain := exec(conn, "DROP TABLE orders")
		out := outcome{"plain": code(plain), "after": first(conn, "SELECT 1")}
		batch := &pgx.Batch{}
		batch.Queue("INSERT INTO work VALUES ($1, $2)", 200, "denied")
		batch.Queue("DROP TABLE orders")
		batch.Queue("INSERT INTO work VALUES ($1, $2)", 201, "denied")
		out["batch"] = code(conn.SendBatch(ctx, batch).Close())
		out["batchCount"] = first(conn, counted)
		pipeline := conn.PgConn().StartPipeline(ctx)
		pipeline.SendQueryParams("INSERT INTO work VALUES (203, 'denied')", nil, nil, nil, nil)
		pipeline.SendQueryParams("DROP TABLE orders", nil, nil, nil, nil)
		pipeline.SendQueryParams("INSERT INTO work VALUES (204, 'denied')", nil, nil, nil, nil)
		check(pipeline.Sync())
		out["pipeline"] = nil
		for {
			results, err := pipeline.GetResults()
			if err != nil {
				out["pipeline"] = code(err)
				continue
			}
			if reader, ok := results.(*pgconn.ResultReader); ok {
				if _, err := reader.Close(); err != nil {
					out["pipeline"] = code(err)
				}
				continue
			}
			if _, ok := results.(*pgconn.PipelineSync); ok {
				break
			}
		}
		check(pipeline.Close())
		out["pipelineCount"] = first(conn, counted)
		tx, err := conn.Begin(ctx)
		check(err)
		_, err = tx.Exec(ctx, "INSERT INTO work VALUES (202, 'denied')")
		check(err)
		_, denied := tx.Exec(ctx, "DROP TABLE orders")
		_, failed := tx.Exec(ctx, "SELECT 1")
		check(tx.Rollback(ctx))
		out["transaction"], out["failed"], out["transactionCount"] = code(denied), code(failed), first(conn, counted)
		return out
	},
	"approval": func(conn *pgx.Conn) outcome {
		count, err := exec(conn, "DELETE FROM work WHERE id = $1", 900)
		if err != nil {
			return outcome{"code": code(err), "message": err.Error(), "after": first(conn, "SELECT 1")}
		}
		return outcome{"deleted": count}
	},
}

func attempt(name string) (line outcome) {
	defer func() {
		if failed := recover(); failed != nil {
			line = outcome{"duty": name, "failed": fmt.Sprint(failed)}
		}
	}()
	conn := connect()
	defer conn.Close(ctx)
	return outcome{"duty": name, "outcome": duties[name](conn)}
}

func main() {
	for _, name := range os.Args[1:] {
		check(json.NewEncoder(os.Stdout).Encode(attempt(name)))
	}
}
