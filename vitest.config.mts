import { defineConfig } from 'vitest/config';

// Limits guard against hanging, on a machine that is busy with other work too. What must be quick is measured by its test.
const minute = 60_000;
// Vitest cuts values in messages at 40 characters: what failed in CI is read from them alone.
const chaiConfig = { truncateThreshold: 400 };

export default defineConfig({
  test: {
    // One suite after the other (groupOrder): they differ in how many files run at once.
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 2 * minute,
          hookTimeout: 2 * minute,
          chaiConfig,
        },
      },
      {
        // The real addon: each file gets a process of its own, since a native crash or a library that stays open must not
        // reach another file. Builds fill the machine, so that few run beside each other.
        test: {
          name: 'native',
          sequence: { groupOrder: 1 },
          include: ['test/native/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 4 * minute,
          hookTimeout: 4 * minute,
          chaiConfig,
        },
      },
      {
        // One file at a time: they share one GPU, its memory and its clocks.
        test: {
          name: 'gpu',
          sequence: { groupOrder: 2 },
          include: ['test/gpu/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 5 * minute,
          hookTimeout: 5 * minute,
          chaiConfig,
        },
      },
      {
        // Models too large for the repository: scripts/make-*.py make them where they are tested.
        test: {
          name: 'models',
          sequence: { groupOrder: 5 },
          include: ['test/models/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 10 * minute,
          hookTimeout: 10 * minute,
          chaiConfig,
        },
      },
      {
        test: {
          name: 'package',
          sequence: { groupOrder: 3 },
          include: ['test/package/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 3 * minute,
          // The first run compiles the release binary.
          hookTimeout: 20 * minute,
          chaiConfig,
        },
      },
      {
        test: {
          name: 'types',
          sequence: { groupOrder: 4 },
          include: ['test/types/**/*.test.ts'],
          testTimeout: 2 * minute,
          typecheck: {
            enabled: true,
            include: ['test/types/**/*.test-d.ts'],
            tsconfig: 'test/tsconfig.json',
          },
        },
      },
    ],
  },
});
