/**
 * Starts a benchmark by its name: `npm run bench -- NAME [options]`; benchmarks/README.md says what each one measures.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** Files of the benchmarks, below this folder. */
const FILES: Readonly<Record<string, string>> = {
  val: 'val/run.ts',
  compare: 'val/compare.ts',
  built: 'built/run.ts',
  losses: 'losses/run.ts',
  confidence: 'confidence/fit.ts',
  speed: 'speed/run.ts',
  memory: 'speed/memory.ts',
  repeat: 'speed/repeat.ts',
  live: 'live/run.ts',
  browser: 'browser/run.ts',
  finetune: 'finetune/run.ts',
  ablation: 'ablation/run.ts',
  parts: 'ablation/parts.ts',
  pairs: 'pairs/run.ts',
  kill: 'kill/run.ts',
  'kill-train': 'kill/train.ts',
  parity: 'parity/run.ts',
  published: 'published/run.ts',
  protocols: 'protocols/run.ts',
  report: 'protocols/report-time.ts',
  regression: 'regression/run.ts',
  cells: 'regression/images/run.ts',
};

const name = process.argv[2] ?? '';
if (!Object.hasOwn(FILES, name)) {
  console.error(`bench: found "${name}", expected one of ${Object.keys(FILES).join(', ')}`);
  console.error('hint: npm run bench -- NAME --help');
  process.exitCode = 2;
} else {
  const file = path.join(import.meta.dirname, FILES[name]!);
  // a benchmark reads its own options, and starts its own file again as a worker process
  process.argv.splice(1, 2, file);
  await import(pathToFileURL(file).href);
}
