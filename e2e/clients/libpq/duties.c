/* The duties of e2e/clients for libpq: one JSON line for each duty that is named on the command line. PG* variables say where. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void text(const char *value) {
  if (value == NULL) {
    printf("null");
    return;
  }
  putchar('"');
  for (; *value; value++) {
    if (*value == '"' || *value == '\\') putchar('\\');
    if ((unsigned char)*value < ' ') printf("\\u%04x", *value);
    else putchar(*value);
  }
  putchar('"');
}

/* The SQLSTATE of a result, or NULL; frees it. */
static const char *failure(PGresult *result) {
  static char codes[8][6];
  static int next = 0;
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  char *code = NULL;
  if (state != NULL) {
    code = codes[next++ % 8];
    strncpy(code, state, 5);
  }
  PQclear(result);
  return code;
}

static int number(PGconn *conn, const char *sql) {
  PGresult *result = PQexec(conn, sql);
  int value = PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : -1;
  PQclear(result);
  return value;
}

static void duty_connect(PGconn *conn) {
  printf("{\"one\":%d}", number(conn, "SELECT 1"));
}

static void duty_prepare(PGconn *conn) {
  const char *ids[] = {"1", "2", "3"};
  PQclear(PQprepare(conn, "one", "SELECT name FROM customers WHERE id = $1::int", 1, NULL));
  printf("{\"names\":[");
  for (int i = 0; i < 3; i++) {
    PGresult *result = PQexecPrepared(conn, "one", 1, &ids[i], NULL, NULL, 0);
    if (i > 0) putchar(',');
    text(PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : NULL);
    PQclear(result);
  }
  printf("]}");
}

static void kinds(PGconn *conn, int format) {
  PGresult *result = PQexecParams(conn, "SELECT * FROM kinds WHERE id = 1", 0, NULL, NULL, NULL, NULL, format);
  putchar('{');
  for (int column = 0; column < PQnfields(result); column++) {
    if (column > 0) putchar(',');
    text(PQfname(result, column));
    putchar(':');
    if (PQgetisnull(result, 0, column)) printf("null");
    else if (format == 0) text(PQgetvalue(result, 0, column));
    else {
      putchar('"');
      for (int i = 0; i < PQgetlength(result, 0, column); i++) printf("%02x", (unsigned char)PQgetvalue(result, 0, column)[i]);
      putchar('"');
    }
  }
  putchar('}');
  PQclear(result);
}

static void duty_types(PGconn *conn) {
  printf("{\"text\":");
  kinds(conn, 0);
  printf(",\"binary\":");
  kinds(conn, 1);
  putchar('}');
}

/* Sends three statements in one pipeline; the first SQLSTATE that comes back, rows or affected rows through `counts`. */
static const char *pipeline(PGconn *conn, const char *const statements[3], int counts[3]) {
  const char *code = NULL;
  PQenterPipelineMode(conn);
  for (int i = 0; i < 3; i++) PQsendQueryParams(conn, statements[i], 0, NULL, NULL, NULL, NULL, 0);
  PQpipelineSync(conn);
  for (int i = 0; i < 3; i++) {
    PGresult *result = PQgetResult(conn);
    counts[i] = PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : atoi(PQcmdTuples(result));
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) code = failure(result);
    else PQclear(result);
    PQclear(PQgetResult(conn));
  }
  PQclear(PQgetResult(conn));
  PQexitPipelineMode(conn);
  return code;
}

static void duty_batch(PGconn *conn) {
  const char *const statements[3] = {"INSERT INTO work VALUES (1, 'batch')", "INSERT INTO work VALUES (2, 'batch')",
                                     "SELECT count(*) FROM work WHERE label = 'batch'"};
  int counts[3];
  pipeline(conn, statements, counts);
  printf("{\"counts\":[%d,%d,%d]}", counts[0], counts[1], counts[2]);
}

static void duty_copy(PGconn *conn) {
  char line[64];
  long sum = 0;
  PQclear(PQexec(conn, "COPY work FROM STDIN"));
  for (int i = 1000; i < 2000; i++) {
    sprintf(line, "%d\tcopied\n", i);
    PQputCopyData(conn, line, (int)strlen(line));
  }
  PQputCopyEnd(conn, NULL);
  PGresult *result = PQgetResult(conn);
  int in = atoi(PQcmdTuples(result));
  PQclear(result);
  PQclear(PQgetResult(conn));
  PQclear(PQexec(conn, "COPY work FROM STDIN"));
  PQputCopyEnd(conn, "changed my mind");
  const char *given_up = failure(PQgetResult(conn));
  PQclear(PQgetResult(conn));
  PQclear(PQexec(conn, "COPY (SELECT id FROM work WHERE label = 'copied') TO STDOUT"));
  char *row;
  while (PQgetCopyData(conn, &row, 0) > 0) {
    sum += atoi(row);
    PQfreemem(row);
  }
  PQclear(PQgetResult(conn));
  PQclear(PQgetResult(conn));
  printf("{\"in\":%d,\"givenUp\":", in);
  text(given_up);
  printf(",\"out\":%ld}", sum);
}

static void duty_cancel(PGconn *conn) {
  char buffer[256];
  PGcancel *cancel = PQgetCancel(conn);
  PQsendQuery(conn, "SELECT pg_sleep(30)");
  usleep(400000);
  PQcancel(cancel, buffer, sizeof buffer);
  PQfreeCancel(cancel);
  const char *code = failure(PQgetResult(conn));
  PQclear(PQgetResult(conn));
  printf("{\"code\":");
  text(code);
  printf(",\"after\":%d}", number(conn, "SELECT 1"));
}

static void duty_error(PGconn *conn) {
  const char *const statements[] = {"SELECT * FROM nowhere", "SELECT 1 / 0", "SELECT 'x'::text::int"};
  printf("{\"codes\":[");
  for (int i = 0; i < 3; i++) {
    if (i > 0) putchar(',');
    text(failure(PQexecParams(conn, statements[i], 0, NULL, NULL, NULL, NULL, 0)));
  }
  printf("],\"after\":%d}", number(conn, "SELECT 1"));
}

static void duty_transaction(PGconn *conn) {
  PQclear(PQexec(conn, "BEGIN"));
  PQclear(PQexec(conn, "INSERT INTO work VALUES (100, 'tx')"));
  PQclear(PQexec(conn, "ROLLBACK"));
  printf("{\"rolledBack\":%d,\"savepoint\":", number(conn, "SELECT count(*) FROM work WHERE label = 'tx'"));
  PQclear(PQexec(conn, "BEGIN; INSERT INTO work VALUES (101, 'tx'); SAVEPOINT a"));
  text(failure(PQexec(conn, "INSERT INTO work VALUES (101, 'tx')")));
  PQclear(PQexec(conn, "ROLLBACK TO a"));
  PQclear(PQexec(conn, "COMMIT"));
  printf(",\"committed\":%d}", number(conn, "SELECT count(*) FROM work WHERE label = 'tx'"));
}

static void duty_cursor(PGconn *conn) {
  int rows = 0;
  long sum = 0;
  PQsendQuery(conn, "SELECT id FROM customers ORDER BY id");
  PQsetSingleRowMode(conn);
  PGresult *result;
  while ((result = PQgetResult(conn)) != NULL) {
    if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
      rows++;
      sum += atoi(PQgetvalue(result, 0, 0));
    }
    PQclear(result);
  }
  PQclear(PQexec(conn, "BEGIN; DECLARE walk CURSOR FOR SELECT id, name FROM customers"));
  result = PQdescribePortal(conn, "walk");
  int columns = PQnfields(result);
  PQclear(result);
  PQclear(PQexec(conn, "ROLLBACK"));
  printf("{\"rows\":%d,\"sum\":%ld,\"described\":%d}", rows, sum, columns);
}

static void duty_notify(PGconn *conn) {
  PQclear(PQexec(conn, "LISTEN news"));
  PGconn *other = PQconnectdb("");
  PQclear(PQexec(other, "NOTIFY news, 'hello'"));
  PQfinish(other);
  PGnotify *got = NULL;
  for (int round = 0; got == NULL && round < 100; round++) {
    usleep(100000);
    PQconsumeInput(conn);
    got = PQnotifies(conn);
  }
  printf("{\"channel\":");
  text(got == NULL ? NULL : got->relname);
  printf(",\"payload\":");
  text(got == NULL ? NULL : got->extra);
  putchar('}');
}

static void duty_denial(PGconn *conn) {
  const char *const counted = "SELECT count(*) FROM work WHERE label = 'denied'";
  const char *const statements[3] = {"INSERT INTO work VALUES (200, 'denied')", "DROP TABLE orders",
                                     "INSERT INTO work VALUES (201, 'denied')"};
  int counts[3];
  printf("{\"plain\":");
  text(failure(PQexec(conn, "DROP TABLE orders")));
  printf(",\"after\":%d,\"pipeline\":", number(conn, "SELECT 1"));
  text(pipeline(conn, statements, counts));
  printf(",\"pipelineCount\":%d,\"batch\":", number(conn, counted));
  text(failure(PQexec(conn, "INSERT INTO work VALUES (202, 'denied'); DROP TABLE orders; INSERT INTO work VALUES (203, 'denied')")));
  printf(",\"batchCount\":%d,\"transaction\":", number(conn, counted));
  PQclear(PQexec(conn, "BEGIN"));
  PQclear(PQexec(conn, "INSERT INTO work VALUES (204, 'denied')"));
  text(failure(PQexec(conn, "DROP TABLE orders")));
  printf(",\"failed\":");
  text(failure(PQexec(conn, "SELECT 1")));
  PQclear(PQexec(conn, "ROLLBACK"));
  printf(",\"transactionCount\":%d}", number(conn, counted));
}

static void duty_approval(PGconn *conn) {
  const char *id = "900";
  PGresult *result = PQexecParams(conn, "DELETE FROM work WHERE id = $1::int", 1, NULL, &id, NULL, NULL, 0);
  if (PQresultStatus(result) == PGRES_COMMAND_OK) printf("{\"deleted\":%s}", PQcmdTuples(result));
  else {
    printf("{\"message\":");
    text(PQresultErrorMessage(result));
    printf(",\"code\":");
    text(failure(result));
    printf(",\"after\":%d}", number(conn, "SELECT 1"));
  }
}

static const struct {
  const char *name;
  void (*run)(PGconn *conn);
} duties[] = {{"connect", duty_connect}, {"prepare", duty_prepare}, {"types", duty_types}, {"batch", duty_batch}, {"copy", duty_copy},
              {"cancel", duty_cancel}, {"error", duty_error}, {"transaction", duty_transaction}, {"cursor", duty_cursor},
              {"notify", duty_notify}, {"denial", duty_denial}, {"approval", duty_approval}};

int main(int count, char **names) {
  for (int i = 1; i < count; i++) {
    for (size_t at = 0; at < sizeof duties / sizeof duties[0]; at++) {
      if (strcmp(names[i], duties[at].name) != 0) continue;
      PGconn *conn = PQconnectdb("");
      printf("{\"duty\":\"%s\",", names[i]);
      if (PQstatus(conn) == CONNECTION_OK) {
        printf("\"outcome\":");
        duties[at].run(conn);
      } else {
        printf("\"failed\":");
        text(PQerrorMessage(conn));
      }
      printf("}\n");
      fflush(stdout);
      PQfinish(conn);
    }
  }
  return 0;
}
