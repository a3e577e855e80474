/** Runs cases one after the other, in a process that may crash or hang: the parent watches it. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { runCli } from '../../src/cli/program.js';
import { ERROR_EXIT_CODES } from '../../src/errors.js';
import { readTracks } from '../../src/io/tracks.js';
import { createRandom } from '../../src/random.js';
import type { Folders } from './files.js';
import { KINDS, type FuzzCase } from './kinds.js';

export interface Job {
  readonly kind: string;
  readonly seed: number;
  readonly number: number;
  readonly root: string;
}

export interface Outcome {
  readonly number: number;
  readonly what: string;
  /** Error code, or "done". */
  readonly end: string;
  /** Empty where all is well. */
  readonly faults: readonly string[];
  /** Resident memory after it, bytes. */
  readonly memory: number;
}

// a machine that has the carried ffmpeg only is tried too
process.env['EBM_TRACKER_OLD_FFMPEG'] ??= 'allow';

process.on('message', (job: Job) => void run(job).then((outcome) => process.send!(outcome)));
// what nobody waits for must not be lost: it is a crash
process.on('unhandledRejection', (reason) => {
  throw reason;
});

async function run({ kind, seed, number, root }: Job): Promise<Outcome> {
  const folder = path.join(root, 'case');
  const folders: Folders = {
    base: path.join(root, 'base'),
    input: path.join(folder, 'in'),
    output: path.join(folder, 'out'),
  };
  const elsewhere = [path.join(folder, 'here'), path.join(folder, 'tmp')];
  await rm(folder, { recursive: true, force: true });
  for (const dir of [folders.base, folders.input, folders.output, ...elsewhere]) await mkdir(dir, { recursive: true });
  const random = createRandom(createRandom(seed).integer(2 ** 31) + number);
  const made = await KINDS[kind]!.make(random, folders);
  process.chdir(elsewhere[0]!);
  process.env['TMPDIR'] = elsewhere[1];
  const before = await namesBelow(folders.input);
  const { end, faults } = await outcomeOf(made, folders);
  const after = await namesBelow(folders.input);
  if (after.join() !== before.join()) faults.push(`the folder of the input was written to: ${after.join(', ')}`);
  for (const dir of elsewhere) {
    // onnxruntime leaves an empty .ses beside temporary files
    const found = (await namesBelow(dir)).filter((name) => name !== '.ses');
    if (found.length > 0) faults.push(`left outside the output: ${found.join(', ')}`);
  }
  const children = await childrenLeft();
  if (children.length > 0) faults.push(`processes left: ${children.join(', ')}`);
  const what = 'args' in made ? made.args.join(' ') : made.what;
  return { number, what, end, faults, memory: process.memoryUsage.rss() };
}

async function outcomeOf(made: FuzzCase, folders: Folders): Promise<{ end: string; faults: string[] }> {
  if ('run' in made) return { end: 'done', faults: [...(await made.run())] };
  const [stdout, stderr] = [createSink(), createSink()];
  const exitCode = await runCli(made.args, { stdout: stdout.stream, stderr: stderr.stream });
  const faults = checkWords(exitCode, stderr.text());
  const end = /^error ([A-Z_]+):/m.exec(stderr.text())?.[1] ?? 'done';
  faults.push(...(await checkOutput(folders.output, exitCode, made.args[0] === 'track')));
  return { end, faults };
}

function createSink(): { stream: Writable; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}

/** One clear message: a known code, one line of what and one of how to mend it. */
function checkWords(exitCode: number, words: string): string[] {
  const errors = words.match(/^error .*$/gm) ?? [];
  if (exitCode === 0) return errors.length === 0 ? [] : [`exit code 0 with ${errors[0]}`];
  const [, code = ''] = /^error ([A-Z_]+): ./.exec(errors[0] ?? '') ?? [];
  const expected = (ERROR_EXIT_CODES as Record<string, number>)[code];
  if (errors.length !== 1 || expected === undefined) return [`exit code ${exitCode} with: ${words.slice(0, 2000)}`];
  const faults: string[] = [];
  if (expected !== exitCode) faults.push(`exit code ${exitCode} of ${code}`);
  if ((words.match(/^hint: ./gm) ?? []).length !== 1) faults.push(`no hint: ${words}`);
  if (errors[0]!.length > 2000) faults.push(`a message of ${errors[0]!.length} characters`);
  if (/(?<!received )undefined(?! entity)|\[object|NaN is not|Cannot read/.test(words.replaceAll(/found[^,]*/g, '')))
    faults.push(`an unclear message: ${words}`);
  return faults;
}

/** What was written can be read, and holds boxes that are boxes. */
async function checkOutput(folder: string, exitCode: number, tracked: boolean): Promise<string[]> {
  const faults: string[] = [];
  for (const name of await namesBelow(folder)) {
    if (/\.part(ial)?$/.test(name)) faults.push(`half a file is left: ${name}`);
    if (exitCode !== 0 && !tracked) faults.push(`it failed and wrote ${name}`);
    if (!/\.(csv|jsonl|txt|xml|json|ass)$/.test(name) || name.includes('report')) continue;
    const media = { name, width: 160, height: 120, fps: 25 };
    const rows = await readTracks(path.join(folder, name), { media }).catch((error: unknown) => {
      faults.push(`${name}: not readable: ${String(error)}`);
      return [];
    });
    const sound = rows.every(
      ({ box }) => Object.values(box).every(Number.isFinite) && (!tracked || (box.w > 0 && box.h > 0)),
    );
    if (!sound) faults.push(`${name}: a box that is none`);
  }
  return faults;
}

async function namesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .toSorted();
}

/** One that was killed takes a moment to go. */
async function childrenLeft(): Promise<string[]> {
  for (let i = 0; i < 100 && childrenOf(process.pid).length > 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return childrenOf(process.pid);
}

/** Linux only; none elsewhere. */
function childrenOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  } catch {
    return [];
  }
}
