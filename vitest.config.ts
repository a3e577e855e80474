import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** What starts many processes, trains, or tracks long: seconds a file. `npm test` leaves them out, `npm run test:all` runs all. */
const SLOW = [
  'benchmarks/built/cases',
  'benchmarks/regression',
  'benchmarks/regression/images',
  'benchmarks/val/run',
  'browser/tracker',
  'browser/video',
  'cli/convert',
  'cli/doctor',
  'cli/evaluate',
  'cli/finetune',
  'cli/keep-inputs',
  'cli/pictures',
  'cli/published',
  'cli/streams',
  'cli/track',
  'docs/commands',
  'drawing/explain',
  'e2e/package',
  'evaluation/queue',
  'evaluation/run-pool',
  'evaluation/runner',
  'evaluation/submit/submit',
  'examples/examples',
  'published/import',
  'published/parity',
  'published/tracker',
  'runtime/collector',
  'tools/build-backbone',
  'tracker/failures',
  'tracker/group',
  'tracker/threads',
  'training/finetune-published',
  'training/learned-stages',
  'training/loop',
  'training/published-head',
  'training/training',
  'video/address',
  'video/live',
  'video/odd-videos',
  'video/read',
  'video/seek',
  'video/source',
  'video/write',
  'web/browser',
  'web/frames',
  'web/server',
  'web/session',
  'web/site',
].map((name) => `test/${name}.test.ts`);

/** Of these, what only tests a benchmark or a tool that is seldom used: they run with THOROUGH=1. */
const RARE = ['benchmarks/regression', 'benchmarks/regression/images', 'tools/build-backbone'].map(
  (name) => `test/${name}.test.ts`,
);
const rare = process.env['THOROUGH'] ? [] : RARE;

const gone = SLOW.filter((file) => !existsSync(new URL(file, import.meta.url)));
if (gone.length > 0) throw new Error(`vitest.config.ts: SLOW names ${gone.join(', ')}, which is not there`);

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: SLOW } },
      { extends: true, test: { name: 'slow', include: SLOW, exclude: rare } },
    ],
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
