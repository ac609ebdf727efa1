import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // One more than the two cores that the suite is made for: many tests wait for processes, deadlines, and the database.
    maxWorkers: 3,
    // Each file would load every module afresh, a third of the run. Files share no state but what a module keeps.
    isolate: false,
  },
})
