import { defineConfig } from 'vitest/config';

/** One configuration for all packages: sources are resolved directly (condition "source"), so no build precedes a unit test. */
export default defineConfig({
  resolve: { conditions: ['source', 'node'] },
  ssr: { resolve: { conditions: ['source', 'node'], externalConditions: ['source', 'node'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'e2e/**/*.test.ts', 'fuzz/test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // They end what hangs, and say nothing about speed: a loaded machine takes several times as long as an idle one.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    pool: 'forks',
    maxWorkers: 2,
    passWithNoTests: false,
  },
});
