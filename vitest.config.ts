import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // a test that hangs is ended; no measure of one that works: a busy machine takes many times as long
    testTimeout: 240_000,
    // live sources are tested on a machine that has the carried ffmpeg only, too
    env: { EBM_TRACKER_OLD_FFMPEG: 'allow' },
    // what is waited for comes in its own time on a busy machine
    expect: { poll: { timeout: 120_000 } },
    hookTimeout: 240_000,
    pool: 'forks',
    maxWorkers: 2,
    // its gradients are some 400 modules, which Vite would transform anew for every test file
    server: { deps: { external: [/@tensorflow\/tfjs-core\//] } },
  },
});
