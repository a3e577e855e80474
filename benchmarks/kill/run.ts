/**
 * Kills evaluations with SIGKILL at random moments, starts them again until they end, and compares the result files with those of an
 * undisturbed run, byte for byte (times aside).
 *
 *   npx tsx benchmarks/kill/run.ts --dataset folder --root DIR [--rounds 20] [--seed 1] [--only a,b] [--tracker FILE] [--longest 6000]
 *
 * Half of the kills hit the runner, half one of its worker processes (Linux: they are found in /proc).
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { createRandom } from '../../src/random.js';

const options = new Command()
  .requiredOption('--root <dir>', 'folder of the data set')
  .option('--dataset <name>', 'data set', 'folder')
  .option('--only <list>', 'sequences')
  .option('--tracker <file>', 'module of another tracker')
  .option('--rounds <n>', 'disturbed runs', Number, 20)
  .option('--seed <n>', 'of the moments', Number, 1)
  .option('--longest <ms>', 'a kill comes within so many milliseconds of a start', Number, 6000)
  .parse()
  .opts<{
    root: string;
    dataset: string;
    only?: string;
    tracker?: string;
    rounds: number;
    seed: number;
    longest: number;
  }>();

const random = createRandom(options.seed);
const work = await mkdtemp(path.join(tmpdir(), 'ebm-kill-'));
const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

/** One start of the runner. @param killAfter milliseconds; undefined: it is left alone. @returns its exit code, null where it was killed */
function start(out: string, killAfter?: number, victim: 'runner' | 'worker' = 'runner'): Promise<number | null> {
  const { root, dataset, only, tracker } = options;
  const more = [...(only ? ['--only', only] : []), ...(tracker ? ['--tracker', tracker] : [])];
  const child = spawn(process.execPath, [MAIN, 'evaluate', dataset, '--root', root, '--out', out, '--json', ...more], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const timer =
    killAfter === undefined
      ? undefined
      : setTimeout(() => {
          const pid = victim === 'runner' ? child.pid : workersOf(child.pid!)[0];
          if (pid !== undefined) process.kill(pid, 'SIGKILL');
        }, killAfter);
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

function workersOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [, ppid] = /^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
        return Number(ppid) === parent;
      } catch {
        return false; // it has ended meanwhile
      }
    })
    .map(Number);
}

/** Boxes and confidences below a folder, by path. */
async function results(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder, { recursive: true });
  const kept = names.filter((name) => name.endsWith('.txt') && !name.includes('times')).toSorted();
  return new Map(
    await Promise.all(kept.map(async (name) => [name, await readFile(path.join(folder, name), 'utf8')] as const)),
  );
}

const calm = path.join(work, 'calm');
if ((await start(calm)) !== 0)
  throw new Error('the undisturbed run failed; run the same evaluation by hand to see why');
const expected = await results(calm);
console.log(`undisturbed: ${expected.size} files`);
let different = 0;
for (let round = 1; round <= options.rounds; round++) {
  const out = path.join(work, `round-${round}`);
  const kills: string[] = [];
  let code: number | null = null;
  // each start is killed until one is quicker than its kill
  while (code === null || code === 137) {
    const victim = random.uniform() < 0.5 ? 'runner' : 'worker';
    const after = Math.round(options.longest * random.uniform());
    kills.push(`${victim} at ${after} ms`);
    code = await start(out, kills.length > 8 ? undefined : after, victim);
  }
  const found = await results(out);
  const wrong = [...expected].filter(([name, text]) => found.get(name) !== text).map(([name]) => name);
  const equal = wrong.length === 0 && found.size === expected.size && code === 0;
  if (!equal) different++;
  console.log(
    `round ${round}: ${kills.join(', ')}; exit ${code}; ${equal ? 'equal' : `DIFFERENT: ${wrong.join(', ')}`}`,
  );
  await rm(out, { recursive: true, force: true });
}
await rm(work, { recursive: true, force: true });
console.log(`${options.rounds - different} of ${options.rounds} rounds equal`);
process.exitCode = different > 0 ? 1 : 0;
