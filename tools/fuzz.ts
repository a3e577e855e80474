/**
 * Damaged and hostile input, by the seed: videos, images, boxes, annotations of every format and as other tools write them, configurations, weights, results and annotations for
 * scoring, requests to the server of the page, streams. Nothing may crash, hang, give a box that is none, write outside the output or read outside
 * the root; what fails says so in one clear message.
 *
 *   npm run fuzz [-- --cases 2000 --seconds 1200 --seed 1 --kind NAME --only NUMBER]
 *
 * Exit code 1 where something is wrong; the number of a case makes it again. --only runs one case and keeps its files.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { createRandom } from '../src/random.js';
import { KINDS } from './fuzz/kinds.js';
import type { Job, Outcome } from './fuzz/worker.js';

const options = new Command()
  .option('--cases <n>', 'how many', Number, 2000)
  .option('--seconds <n>', 'and for how long at most', Number, 1200)
  .option('--seed <n>', 'of everything', Number, 1)
  .option('--kind <name>', Object.keys(KINDS).join(', '))
  .option('--only <number>', 'one case of the run', Number)
  .parse()
  .opts<{ cases: number; seconds: number; seed: number; kind?: string; only?: number }>();

/** A worker is replaced here: sessions of the networks that are made and freed leave memory behind. */
const CASES_A_WORKER = 400;
const MEMORY_LIMIT = 2 ** 31;

const PATIENCE = 10;

/** What a process has computed, seconds; where the system does not tell (other than Linux), the time by the clock. */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
  } catch {
    return performance.now() / 1000;
  }
}

/** Ticks a second in /proc, the same on all Linux machines in use. */
const CLOCK_TICKS = 100;

interface Counts {
  cases: number;
  faults: number;
  readonly ends: Map<string, number>;
}

const root = await mkdtemp(path.join(os.tmpdir(), 'ebm-tracker-fuzz-'));
const counts = new Map<string, Counts>();
let worker: ChildProcess | undefined;
let done = 0;
let failed = 0;

/** The same case has the same kind, whatever ran before it. */
function kindOf(number: number): string {
  if (options.kind !== undefined) return options.kind;
  let left =
    createRandom(options.seed * 7919 + number).uniform() *
    Object.values(KINDS).reduce((sum, { share }) => sum + share, 0);
  return Object.entries(KINDS).find(([, { share }]) => (left -= share) < 0)![0];
}

function startWorker(): ChildProcess {
  return fork(new URL('./fuzz/worker.ts', import.meta.url), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

/** The outcome, or how the worker ended without one. */
function runCase(job: Job): Promise<Outcome> {
  const own = (worker ??= startWorker());
  const lost = (fault: string): Outcome => {
    own.kill('SIGKILL');
    worker = undefined;
    return { number: job.number, what: '', end: 'lost', faults: [fault], memory: 0 };
  };
  return new Promise((resolve) => {
    const { seconds } = KINDS[job.kind]!;
    const [started, computed] = [performance.now(), cpuSeconds(own.pid!)];
    // on a busy machine a case may take long without hanging
    const timer = setInterval(() => {
      const waited = (performance.now() - started) / 1000;
      const used = cpuSeconds(own.pid!) - computed;
      if (used > seconds || waited > PATIENCE * seconds)
        finish(lost(`hangs: no end after ${waited.toFixed(0)} s, of which it computed for ${used.toFixed(0)} s`));
    }, 500);
    const onExit = (code: number | null, signal: string | null): void =>
      finish(lost(`crash: worker ended with ${code ?? signal}`));
    const finish = (outcome: Outcome): void => {
      clearInterval(timer);
      own.removeListener('exit', onExit);
      own.removeListener('message', finish);
      resolve(outcome);
    };
    own.once('exit', onExit);
    own.once('message', finish);
    own.send(job);
  });
}

function note(kind: string, { number, what, end, faults, memory }: Outcome): void {
  const count = counts.get(kind) ?? { cases: 0, faults: 0, ends: new Map<string, number>() };
  counts.set(kind, count);
  count.cases++;
  count.ends.set(end, (count.ends.get(end) ?? 0) + 1);
  const all = memory > MEMORY_LIMIT ? [...faults, `${(memory / 2 ** 20).toFixed(0)} MB of memory`] : faults;
  if (all.length === 0) return;
  count.faults++;
  failed++;
  console.log(`case ${number} (${kind}): ${all.join('; ')}\n  ${what}`);
}

const began = performance.now();
const numbers = options.only === undefined ? Array.from({ length: options.cases }, (_, i) => i) : [options.only];
for (const number of numbers) {
  if (performance.now() - began > 1000 * options.seconds) break;
  const kind = kindOf(number);
  note(kind, await runCase({ kind, seed: options.seed, number, root }));
  done++;
  if (done % CASES_A_WORKER === 0) {
    worker?.kill();
    worker = undefined;
  }
}
worker?.kill();
for (const [kind, { cases, faults, ends }] of counts) {
  const told = [...ends].toSorted((a, b) => b[1] - a[1]).map(([end, count]) => `${end} ${count}`);
  console.log(`${kind}: ${cases} cases, ${faults} wrong (${told.join(', ')})`);
}
const seconds = (performance.now() - began) / 1000;
console.log(`${done} cases of seed ${options.seed} in ${seconds.toFixed(0)} s: ${failed} wrong`);
if (options.only === undefined) await rm(root, { recursive: true, force: true });
else console.log(`its files: ${root}`);
if (failed > 0) process.exitCode = 1;
