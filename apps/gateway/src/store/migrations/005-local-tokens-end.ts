import { type Kysely, sql } from 'kysely';

/** The tokens of the first versions are gone: the authorization server's took their place, and people sign in again. */
export const localTokensEnd = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw('DROP TABLE tokens').execute(db);
  },
};
