import { readFileSync } from 'node:fs';

const env = process.env;

/** Where the test wants the client to go: libpq's variables, as every client program of this folder gets them. */
export const settings = {
  host: env['PGHOST'] ?? '',
  port: Number(env['PGPORT']),
  user: env['PGUSER'] ?? '',
  password: env['PGPASSWORD'] ?? '',
  database: env['PGDATABASE'] ?? '',
  ssl: env['PGSSLMODE'] === 'verify-full' ? { ca: readFileSync(env['PGSSLROOTCERT'] ?? '', 'utf8') } : (false as const),
};

/** A client that can be ended. */
interface Client {
  end(): Promise<unknown>;
}

/** Does the duties that the command line names, each on a connection of its own, and writes one JSON line for each. */
export async function runDuties<C extends Client>(
  connect: () => Promise<C>,
  duties: Readonly<Record<string, (client: C) => Promise<unknown>>>,
): Promise<void> {
  for (const duty of process.argv.slice(2)) {
    let line: object;
    try {
      const client = await connect();
      line = { duty, outcome: await duties[duty]?.(client) };
      await client.end();
    } catch (error) {
      line = { duty, failed: String(error) };
    }
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}
