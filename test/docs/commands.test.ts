/**
 * The commands of README and docs that can run on the demo clip are run, and print what stands below them: the same words, whatever the
 * numbers. WRITE_DOCS=1 writes what they print into the pages, in the rows of the other pages too.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { readBoxes } from '../../src/io/boxes-file.js';

const ROOT = path.join(import.meta.dirname, '../..');
const run = promisify(execFile);
const DOCS = readdirSync(path.join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
const PAGES = ['README.md', ...DOCS.map((name) => `docs/${name}`)];

/** Commands that are left out, and why. */
const LEFT_OUT: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^npx ebm-tracker (pick|serve|worker|live)/, 'waits for somebody'],
  [/--queue/, 'needs Redis'],
  [/finetune|train|import|super-dimp/, 'takes minutes, or a file that is not here'],
  [/live\.jsonl/, 'comes from a live source'],
  [/\||^npm |^npx -p /, 'has a pipe, or installs'],
  [/--preset fast|track "frames|--debug|^ls why/, 'tracks once more'],
  [/doctor/, 'tells of the machine'],
];

interface Step {
  readonly command: string;
  readonly printed: readonly string[];
}

/** What stands behind "$ " in the blocks of a page, with the lines below it. */
function stepsOf(page: string): Step[] {
  const blocks = [...readFileSync(path.join(ROOT, page), 'utf8').matchAll(/^```\w*\n([\s\S]*?)^```/gm)];
  return blocks.flatMap(([, block]) =>
    block!
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const [command = '', ...printed] = step.trimEnd().split('\n');
        return { command, printed };
      }),
  );
}

/** Without numbers, and without what the machine's cores decide. */
const wordsOf = (line: string): string =>
  line
    .replace(/, engine .*/, '')
    .replaceAll(/-?\d[\d.,]*/g, '#')
    .replaceAll(/[ -]+/g, ' ')
    .trim();

/** Lines of the page, each with the line that was printed in its place. @throws Error where one was not printed */
function paired(printed: readonly string[], lines: readonly string[]): [string, string][] {
  let at = 0;
  return printed.flatMap((line): [string, string][] => {
    if (line.includes('...')) return [];
    const found = lines.findIndex((other, i) => i >= at && wordsOf(other) === wordsOf(line));
    if (found < 0) throw new Error(`not printed: ${line}\nprinted:\n${lines.join('\n')}`);
    at = found + 1;
    return [[line, lines[found]!]];
  });
}

async function linesOf(command: string): Promise<string[]> {
  const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
  if (!command.startsWith('npx')) return (await run('sh', ['-c', command])).stdout.split('\n');
  if (words[1] === 'tsx') {
    const { stdout } = await run(process.execPath, ['--import', 'tsx', ...words.slice(2)], { cwd: ROOT });
    return stdout.split('\n');
  }
  let text = '';
  const terminal = { stdout: new PassThrough(), stderr: new PassThrough() };
  for (const stream of Object.values(terminal)) stream.on('data', (chunk: Buffer) => (text += String(chunk)));
  await runCli(words.slice(2), terminal);
  await new Promise((resolve) => setImmediate(resolve));
  return text.split('\n');
}

const TRACK = 'npx ebm-tracker track clip.mp4 --box 195,24,351,243 --out boxes.csv --video tracked.mp4';
/** A busy machine takes many times as long. */
const SLOW_MACHINE_MS = 900_000;
const before = process.cwd();
/** Lines of the pages that have numbers, and what was printed in their place. */
const fresh = new Map<string, string>();
let folder: string;
let tracked: readonly string[];

beforeAll(async () => {
  // workers of evaluate look for tsx from the folder that they are in
  await mkdir(path.join(ROOT, '.cache'), { recursive: true });
  folder = await mkdtemp(path.join(ROOT, '.cache/docs-'));
  process.chdir(folder);
  const clip = path.join(ROOT, 'models/demo/demo.mp4');
  await copyFile(clip, 'clip.mp4');
  tracked = await linesOf(TRACK);
  await mkdir('footage/demo', { recursive: true });
  await copyFile(clip, 'footage/demo/video.mp4');
  const rows = await readBoxes('boxes.csv');
  await writeFile(
    'footage/demo/groundtruth.txt',
    rows.map(({ box: { x, y, w, h } }) => `${x},${y},${w},${h}\n`).join(''),
  );
}, SLOW_MACHINE_MS);

afterAll(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true });
  if (process.env['WRITE_DOCS'] === undefined) return;
  for (const page of PAGES) {
    const file = path.join(ROOT, page);
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text
        .split('\n')
        .map((line) => fresh.get(line) ?? line)
        .join('\n'),
    );
  }
});

const steps = PAGES.flatMap((page) => stepsOf(page).map((step) => ({ page, ...step })));
const runnable = steps.filter(({ command }) => !LEFT_OUT.some(([pattern]) => pattern.test(command)));

it('each page with transcripts is looked at', () => {
  expect(new Set(runnable.map(({ page }) => page)).size).toBeGreaterThan(5);
});

it.each(runnable)(
  '$page: $command',
  async ({ command, printed }) => {
    // the first command is run once for all pages
    const lines = command === TRACK ? tracked : await linesOf(command);
    // times are those of an idle machine
    for (const [line, now] of paired(printed, lines)) if (!line.includes('fps')) fresh.set(line, now);
  },
  SLOW_MACHINE_MS,
);
