/**
 * The tracker in Chromium beside Node, on frames of 720p: milliseconds of an update(), their ratio, and seconds from a page's address to the
 * first box, nothing cached. Both run in turn, so that a machine that gets slower slows both.
 *
 *   npm run bench -- browser [--frames 30 --rounds 3 --threads 2 --out FILE.json]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import type { Frame } from '../../src/image/frame.js';
import { createTracker } from '../../src/node/open.js';
import { openVideo } from '../../src/video/read.js';
import { makeModels } from '../../src/web/write-site.js';
import { bundleOf, servePage } from '../../test/helpers/browser-page.js';
import { openBrowser } from '../../test/helpers/web.js';
import { originOf } from '../record.js';
import { CLIP_SIZES, makeClip } from '../speed/clips.js';
import { quantile } from '../speed/stages.js';
import type { InPage } from './page.js';

declare const inPage: InPage;

const { frames, rounds, threads, out } = new Command()
  .option('--frames <n>', 'frames tracked', Number, 30)
  .option('--rounds <n>', 'rounds', Number, 3)
  .option('--threads <n>', 'threads of either', Number, 2)
  .option('--out <file>', 'result file (JSON)')
  .parse()
  .opts<{ frames: number; rounds: number; threads: number; out?: string }>();

const SIZE = CLIP_SIZES['720p'];

const median = (values: readonly number[]): number => quantile(values, 0.5);

const folder = mkdtempSync(path.join(os.tmpdir(), 'ebm-tracker-browser-'));
const { file, box } = await makeClip(folder, '720p', SIZE);
const given: Frame[] = [];
for await (const frame of (await openVideo(file)).frames()) if (given.push(frame) === frames) break;
rmSync(folder, { recursive: true });

const mediansOf = (stages: readonly (readonly [string, readonly number[]])[]): Record<string, number> =>
  Object.fromEntries(stages.map(([stage, ms]) => [stage, median(ms)]));

/** Milliseconds of an update(), and of its stages. */
async function onNode() {
  const tracker = await createTracker({ threads, provider: 'cpu' });
  await tracker.init(given[0]!, box);
  const updates: number[] = [];
  for (const frame of given.slice(1)) {
    const began = performance.now();
    await tracker.update(frame);
    updates.push(performance.now() - began);
  }
  const stages = mediansOf([...tracker.stopwatch.stages]);
  await tracker.release();
  return { ms: median(updates), stages };
}

const small = Object.entries(await makeModels()).map(([name, bytes]) => [`/small/${name}`, () => bytes] as const);
const script = await bundleOf('benchmarks/browser/page.ts');
const served = Object.fromEntries(given.map(({ data }, i) => [`/frames/${i}`, () => data]));
const server = await servePage(true, { ...served, ...Object.fromEntries(small), '/page.js': () => script });
const browser = await openBrowser();

/** Milliseconds of an update() and of its stages; seconds until the networks are open, the first frame is learned, the second has its box. */
interface InBrowser {
  readonly ms: number;
  readonly stages: Readonly<Record<string, number>>;
  readonly opened: number;
  readonly begun: number;
  readonly firstBox: number;
}

/** In a page of its own, with nothing cached. */
async function inBrowser(options: Parameters<InPage['timed']>[3]): Promise<InBrowser> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(server.url);
  const result = await page.evaluate((all) => inPage.timed(...all), [box, given.length, SIZE, options] as const);
  await context.close();
  const { updates, opened, begun, firstBox } = result;
  const stages = mediansOf(result.stages);
  return { ms: median(updates), opened: opened / 1000, begun: begun / 1000, firstBox: firstBox / 1000, stages };
}

const ROWS = {
  exact: { threads },
  small: { threads, models: '/small/small.json', precision: 'int8' },
} as const;
const measured: { node: { ms: number }; exact: InBrowser; small: InBrowser }[] = [];
for (let round = 0; round < rounds; round++) {
  const node = await onNode();
  const [exact, little] = [await inBrowser(ROWS.exact), await inBrowser(ROWS.small)];
  measured.push({ node, exact, small: little });
  console.log(
    `round ${round + 1}: Node ${node.ms.toFixed(1)} ms a frame; Chromium exact ${exact.ms.toFixed(1)} (${(exact.ms / node.ms).toFixed(2)} times), ` +
      `small ${little.ms.toFixed(1)} (${(little.ms / node.ms).toFixed(2)} times); first box after ${exact.firstBox.toFixed(2)} and ${little.firstBox.toFixed(2)} s`,
  );
}
const version = `Chromium ${browser.version()}`;
await browser.close();
await server.close();

const rows = (['node', 'exact', 'small'] as const).map((row) => ({
  row,
  ms: median(measured.map((round) => round[row].ms)),
  ratio: median(measured.map((round) => round[row].ms / round.node.ms)),
  ...(row === 'node' ? {} : { firstBox: median(measured.map((round) => round[row].firstBox)) }),
}));
for (const { row, ms, ratio, firstBox } of rows)
  console.log(
    `median, ${row}: ${ms.toFixed(1)} ms a frame, ${ratio.toFixed(2)} times Node${firstBox === undefined ? '' : `, first box after ${firstBox.toFixed(2)} s`}`,
  );
const result = {
  ...originOf('browser', {}),
  machine: `${os.cpus().length} cores of ${os.cpus()[0]!.model}`,
  browser: version,
  threads,
  frames,
  rows,
  rounds: measured,
};
if (out !== undefined) writeFileSync(out, `${JSON.stringify(result, null, 1)}\n`);
