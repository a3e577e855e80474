/**
 * Kills a short fine-tuning run with SIGKILL at random moments, starts it again until it ends, and compares its last checkpoint
 * (weights, optimiser, random state, best so far) and its head with those of an undisturbed run, byte for byte.
 *
 *   npm run bench -- kill-train [--rounds 20] [--seed 1] [--data FILE_OR_DIR] [--backend auto] [--longest 20000]
 *
 * Without --data it learns from the clip of the demo, with the boxes of a tracking run as annotation.
 */
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { sha256Of } from '../../src/hash.js';
import type { FrameBox } from '../../src/geometry.js';
import { readBoxes } from '../../src/io/boxes-file.js';
import { createRandom } from '../../src/random.js';

const options = new Command()
  .option('--data <dir>', 'footage')
  .option('--rounds <n>', 'disturbed runs', Number, 20)
  .option('--seed <n>', 'of the moments', Number, 1)
  .option('--steps <n>', 'steps of a run', Number, 8)
  .option('--crops <n>', 'crops of the bank', Number, 18)
  .option('--backend <name>', 'TensorFlow.js backend', 'auto')
  .option(
    '--longest <ms>',
    'a kill comes within so many milliseconds of a start; left out: the time of the undisturbed run',
    Number,
  )
  .parse()
  .opts<{
    data?: string;
    rounds: number;
    seed: number;
    steps: number;
    crops: number;
    backend: string;
    longest?: number;
  }>();

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const DEMO = new URL('../../models/demo/', import.meta.url).pathname;
/** Kills in one round, after which it is left alone. */
const MOST_KILLS = 8;
/** Of the demo. */
const FRAMES = 24;

/** @param killAfter milliseconds; undefined: it is left alone. @returns its exit code, null where it was killed */
function start(args: readonly string[], killAfter?: number): Promise<number | null> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' });
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

/** The demo's clip as a sequence: what is learned does not matter here. */
async function demoFootage(folder: string): Promise<string> {
  const { box } = JSON.parse(await readFile(path.join(DEMO, 'demo.json'), 'utf8')) as { box: FrameBox };
  const video = path.join(folder, 'clip.mp4');
  await copyFile(path.join(DEMO, 'demo.mp4'), video);
  const rows = path.join(folder, 'boxes.csv');
  if ((await start(['track', video, '--box', `${box.x},${box.y},${box.w},${box.h}`, '--out', rows, '--quiet'])) !== 0)
    throw new Error('tracking failed');
  const lines = (await readBoxes(rows)).slice(0, FRAMES).map(({ box: b }) => `${b.x},${b.y},${b.w},${b.h}`);
  await writeFile(path.join(folder, 'clip.txt'), `${lines.join('\n')}\n`);
  return video;
}

const work = await mkdtemp(path.join(tmpdir(), 'ebm-kill-train-'));
const data = options.data ?? (await demoFootage(work));
const random = createRandom(options.seed);
const command = (out: string): string[] =>
  `finetune --quiet --threads 2 --seed 5 --rate 0.0003 --steps ${options.steps} --crops ${options.crops} --backend ${options.backend}`
    .split(' ')
    .concat('--data', data, '--out', out);

/** How a run ended: its exit code (1 where no step was better than the start), its last checkpoint, and the head it wrote. */
async function outcome(code: number | null, out: string): Promise<string> {
  const checkpoint = out.replace(/\.safetensors$/, '.work/checkpoint.safetensors');
  const hashes = await Promise.all(
    [checkpoint, out].map((file) =>
      readFile(file).then(
        (bytes) => sha256Of(bytes).slice(0, 16),
        () => 'none',
      ),
    ),
  );
  return `exit ${code}, checkpoint ${hashes[0]}, head ${hashes[1]}`;
}

const calm = path.join(work, 'calm.safetensors');
const began = performance.now();
const expected = await outcome(await start(command(calm)), calm);
if (expected.includes('checkpoint none')) throw new Error(`the undisturbed run failed: ${expected}`);
const longest = options.longest ?? performance.now() - began;
console.log(`undisturbed: ${((performance.now() - began) / 1000).toFixed(1)} s, ${expected}`);
let different = 0;
for (let round = 1; round <= options.rounds; round++) {
  const out = path.join(work, `round-${round}.safetensors`);
  const kills: number[] = [];
  let code: number | null = null;
  while (code === null) {
    const after = kills.length < MOST_KILLS ? Math.round(longest * random.uniform()) : undefined;
    code = await start(command(out), after);
    if (code === null) kills.push(after!);
  }
  const found = await outcome(code, out);
  const equal = found === expected;
  if (!equal) different++;
  console.log(
    `round ${round}: killed ${kills.length} times (${kills.join(', ')} ms); ${equal ? 'equal' : `DIFFERENT: ${found}`}`,
  );
  await rm(out.replace(/\.safetensors$/, '.work'), { recursive: true, force: true });
  await rm(out, { force: true });
}
await rm(work, { recursive: true, force: true });
console.log(`${options.rounds - different} of ${options.rounds} rounds equal`);
process.exitCode = different > 0 ? 1 : 0;
