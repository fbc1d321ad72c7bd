import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Timer;
import java.util.TimerTask;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;

/** The duties of e2e/clients for pgjdbc: one JSON line for each duty that is named on the command line. */
public final class Duties {
    private interface Duty {
        Object run(Connection conn) throws Exception;
    }

    private interface Act {
        void run() throws Exception;
    }

    private static final String DENIED = "SELECT count(*) FROM work WHERE label = 'denied'";

    private static Connection connect(String... options) throws SQLException {
        Map<String, String> env = System.getenv();
        Properties settings = new Properties();
        settings.put("user", env.get("PGUSER"));
        settings.put("password", env.get("PGPASSWORD"));
        settings.put("sslmode", env.get("PGSSLMODE"));
        if (env.get("PGSSLROOTCERT") != null) settings.put("sslrootcert", env.get("PGSSLROOTCERT"));
        for (int i = 0; i < options.length; i += 2) settings.put(options[i], options[i + 1]);
        String url = "jdbc:postgresql://" + env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE");
        return DriverManager.getConnection(url, settings);
    }

    private static Object first(Connection conn, String sql) throws SQLException {
        try (Statement statement = conn.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getObject(1);
        }
    }

    private static int update(Connection conn, String sql) throws SQLException {
        try (Statement statement = conn.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }

    /** The SQLSTATE that an act fails with, or null. */
    private static String failure(Act act) throws Exception {
        try {
            act.run();
            return null;
        } catch (SQLException error) {
            return error.getSQLState();
        }
    }

    private static Object types(String... options) throws Exception {
        try (Connection conn = connect(options);
                PreparedStatement statement = conn.prepareStatement("SELECT * FROM kinds WHERE id = ?")) {
            statement.setInt(1, 1);
            Map<String, Object> out = new LinkedHashMap<>();
            // From the second run on the driver asks for binary results where it can.
            for (int run = 0; run < 3; run++) {
                try (ResultSet row = statement.executeQuery()) {
                    row.next();
                    for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
                        Object value = row.getObject(i);
                        if (value instanceof java.sql.Array array) value = Arrays.deepToString((Object[]) array.getArray());
                        if (value instanceof byte[] bytes) value = Arrays.toString(bytes);
                        out.put(row.getMetaData().getColumnName(i), value == null ? null : value.getClass().getName() + " " + value);
                    }
                }
            }
            return out;
        }
    }

    private static final Map<String, Duty> DUTIES = new LinkedHashMap<>();

    static {
        DUTIES.put("connect", conn -> Map.of("one", first(conn, "SELECT 1")));
        DUTIES.put("prepare", conn -> {
            List<Object> names = new ArrayList<>();
            try (PreparedStatement statement = conn.prepareStatement("SELECT name FROM customers WHERE id = ?")) {
                // Past the fifth run it is a named statement of the server.
                for (int id = 1; id <= 8; id++) {
                    statement.setInt(1, id);
                    try (ResultSet rows = statement.executeQuery()) {
                        rows.next();
                        names.add(rows.getString(1));
                    }
                }
            }
            return Map.of("names", names);
        });
        DUTIES.put("types", conn -> {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("text", types("binaryTransfer", "false"));
            out.put("binary", types("prepareThreshold", "-1"));
            out.put("simple", types("preferQueryMode", "simple"));
            return out;
        });
        DUTIES.put("batch", conn -> {
            try (PreparedStatement statement = conn.prepareStatement("INSERT INTO work VALUES (?, ?)")) {
                for (int i = 3001; i <= 3300; i++) {
                    statement.setInt(1, i);
                    statement.setString(2, "batch");
                    statement.addBatch();
                }
                int sum = Arrays.stream(statement.executeBatch()).sum();
                return Map.of("counts", List.of(sum, first(conn, "SELECT count(*) FROM work WHERE label = 'batch'")));
            }
        });
        DUTIES.put("copy", conn -> {
            CopyManager copy = conn.unwrap(PGConnection.class).getCopyAPI();
            StringBuilder text = new StringBuilder();
            for (int i = 1000; i < 2000; i++) text.append(i).append("\tcopied\n");
            long in = copy.copyIn("COPY work FROM STDIN", new StringReader(text.toString()));
            StringWriter sink = new StringWriter();
            copy.copyOut("COPY (SELECT id FROM work WHERE label = 'copied') TO STDOUT", sink);
            return Map.of("in", in, "out", sink.toString().lines().mapToLong(Long::parseLong).sum());
        });
        DUTIES.put("cancel", conn -> {
            try (Statement statement = conn.createStatement()) {
                Timer timer = new Timer(true);
                timer.schedule(new TimerTask() {
                    @Override
                    public void run() {
                        try {
                            statement.cancel();
                        } catch (SQLException error) {
                            throw new IllegalStateException(error);
                        }
                    }
                }, 400);
                String code = failure(() -> statement.executeQuery("SELECT pg_sleep(30)"));
                statement.setQueryTimeout(1);
                String timeout = failure(() -> statement.executeQuery("SELECT pg_sleep(30)"));
                return Map.of("code", code, "timeout", timeout, "after", first(conn, "SELECT 1"));
            }
        });
        DUTIES.put("error", conn -> Map.of("codes", Arrays.asList(
                failure(() -> first(conn, "SELECT * FROM nowhere")),
                failure(() -> first(conn, "SELECT 1 / 0")),
                failure(() -> first(conn, "SELECT 'x'::text::int"))), "after", first(conn, "SELECT 1")));
        DUTIES.put("transaction", conn -> {
            String counted = "SELECT count(*) FROM work WHERE label = 'tx'";
            conn.setAutoCommit(false);
            update(conn, "INSERT INTO work VALUES (100, 'tx')");
            conn.rollback();
            Object rolledBack = first(conn, counted);
            update(conn, "INSERT INTO work VALUES (101, 'tx')");
            Savepoint savepoint = conn.setSavepoint();
            String failed = failure(() -> update(conn, "INSERT INTO work VALUES (101, 'tx')"));
            conn.rollback(savepoint);
            conn.commit();
            return Map.of("rolledBack", rolledBack, "savepoint", failed, "committed", first(conn, counted));
        });
        DUTIES.put("cursor", conn -> {
            conn.setAutoCommit(false);
            try (PreparedStatement statement = conn.prepareStatement("SELECT id FROM customers ORDER BY id")) {
                statement.setFetchSize(40);
                long seen = 0;
                long sum = 0;
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        seen++;
                        sum += rows.getInt(1);
                    }
                }
                statement.setMaxRows(7);
                long limited = 0;
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) limited++;
                }
                return Map.of("rows", seen, "sum", sum, "limited", limited);
            }
        });
        DUTIES.put("notify", conn -> {
            update(conn, "LISTEN news");
            try (Connection other = connect()) {
                update(other, "NOTIFY news, 'hello'");
            }
            PGNotification[] got = conn.unwrap(PGConnection.class).getNotifications(10_000);
            return Map.of("channel", got[0].getName(), "payload", got[0].getParameter());
        });
        DUTIES.put("denial", conn -> {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("plain", failure(() -> update(conn, "DROP TABLE orders")));
            out.put("after", first(conn, "SELECT 1"));
            try (Statement batch = conn.createStatement()) {
                batch.addBatch("INSERT INTO work VALUES (200, 'denied')");
                batch.addBatch("DROP TABLE orders");
                batch.addBatch("INSERT INTO work VALUES (201, 'denied')");
                conn.setAutoCommit(false);
                out.put("batch", failure(batch::executeBatch));
                conn.rollback();
                conn.setAutoCommit(true);
            }
            out.put("batchCount", first(conn, DENIED));
            conn.setAutoCommit(false);
            update(conn, "INSERT INTO work VALUES (202, 'denied')");
            out.put("transaction", failure(() -> update(conn, "DROP TABLE orders")));
            out.put("failed", failure(() -> first(conn, "SELECT 1")));
            conn.rollback();
            out.put("transactionCount", first(conn, DENIED));
            return out;
        });
        DUTIES.put("approval", conn -> {
            try (PreparedStatement statement = conn.prepareStatement("DELETE FROM work WHERE id = ?")) {
                statement.setInt(1, 900);
                return Map.of("deleted", statement.executeUpdate());
            } catch (SQLException error) {
                return Map.of("code", error.getSQLState(), "message", error.getMessage(), "after", first(conn, "SELECT 1"));
            }
        });
    }

    public static void main(String[] names) {
        for (String name : names) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("duty", name);
            try (Connection conn = connect()) {
                line.put("outcome", DUTIES.get(name).run(conn));
            } catch (Exception error) {
                line.put("failed", error.toString());
            }
            System.out.println(Json.text(line));
        }
    }
}
