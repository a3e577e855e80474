/**
 * `track` over the same video again and again, each run a process of its own, some beside each other: do they write the same bytes, and does any
 * need more memory than another?
 *
 *   npm run build && npm run bench -- repeat [--runs 100 --frames 3000 --size 128x96 --preset fast --beside 2 --out FILE.json]
 *
 * Exit code 1 where two runs differ, or one needs a tenth more memory than the median.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { createEstimate, paceText } from '../../src/cli/progress.js';
import { sha256Of } from '../../src/hash.js';
import { makeClip } from './clips.js';
import { runTrack, type ProcessCost } from './process.js';
import { quantile } from './stages.js';

const options = new Command()
  .option('--runs <n>', 'runs', Number, 100)
  .option('--frames <n>', 'frames of the video', Number, 3000)
  .option('--size <size>', 'of its picture', '128x96')
  .option('--preset <name>', 'settings', 'fast')
  .option('--beside <n>', 'runs at a time, one thread each', Number, 2)
  .option('--out <file>', 'JSON')
  .parse()
  .opts<{ runs: number; frames: number; size: string; preset: string; beside: number; out?: string }>();

const MOST_MEMORY = 1.1;
const [width = 0, height = 0] = options.size.split('x').map(Number);
const folder = await mkdtemp(path.join(os.tmpdir(), 'repeat-'));
const estimate = createEstimate();
const costs: ProcessCost[] = [];
const hashes = new Map<string, number>();
try {
  const clip = await makeClip(folder, options.size, { width, height }, options.frames);
  let begun = 0;
  estimate(0, options.runs);
  const work = async (): Promise<void> => {
    while (begun++ < options.runs) {
      const { cost, boxes } = await runTrack(clip, ['--preset', options.preset, '--threads', '1']);
      costs.push(cost);
      const hash = sha256Of(boxes);
      hashes.set(hash, (hashes.get(hash) ?? 0) + 1);
      const [done, total] = [costs.length, options.runs];
      const pace = paceText({ done, total, secondsLeft: estimate(done, total) });
      console.error(`run ${pace}: ${cost.memory.toFixed(0)} MB`);
    }
  };
  await Promise.all(Array.from({ length: options.beside }, work));
} finally {
  await rm(folder, { recursive: true });
}

const memory = costs.map((cost) => cost.memory);
const figures = { least: Math.min(...memory), median: quantile(memory, 0.5), most: Math.max(...memory) };
const rows = [...new Set(costs.map((cost) => cost.rows))];
console.log(
  `${options.runs} runs over ${rows.join(' or ')} frames of ${options.size}, ${options.preset}: ${hashes.size} different outputs`,
);
console.log(
  `largest resident memory ${Object.entries(figures)
    .map(([name, value]) => `${name} ${value.toFixed(0)} MB`)
    .join(', ')}`,
);
if (options.out !== undefined) {
  const { out, ...settings } = options;
  const machine = { cpu: os.cpus()[0]?.model, cores: os.cpus().length, node: process.version };
  const result = {
    command: 'npm run bench -- repeat',
    ...settings,
    ...machine,
    rows,
    outputs: [...hashes],
    memory: figures,
  };
  writeFileSync(out, `${JSON.stringify(result, undefined, 1)}\n`);
}
process.exitCode = hashes.size === 1 && figures.most <= MOST_MEMORY * figures.median ? 0 : 1;
