/**
 * Pictures for docs/: the page of `serve` with the demo clip tracked, several objects, the pages of `--debug`, and a report of `evaluate`.
 *
 *   npx tsx tools/page-pictures.ts      writes docs/page.webp, several.webp, why.webp and report.webp; needs `npm run build` and Chromium
 *
 * CHROMIUM_PATH names Chromium; default: /usr/bin/chromium.
 */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import sharp from 'sharp';
import { runCli } from '../src/cli/program.js';
import type { FrameBox } from '../src/geometry.js';
import { readBoxes } from '../src/io/boxes-file.js';
import { createTrackerGroup } from '../src/node/open.js';
import { findBinaries } from '../src/video/binaries.js';
import { capture } from '../src/video/command.js';
import { listen } from '../src/web/listen.js';

const ROOT = path.join(import.meta.dirname, '..');
const CLIP = path.join(ROOT, 'models/demo/demo.mp4');
const SIZE = { width: 640, height: 480 };
const BOX: FrameBox = { x: 195, y: 24, w: 351, h: 243 };
/** The end face of the printed box, as in tools/pictures.ts. */
const END_FACE: FrameBox = { x: 465, y: 122, w: 80, h: 140 };
/** Width of the pictures in docs/, pixels. */
const WIDTH = 960;

async function save(picture: Buffer | string, name: string): Promise<void> {
  const file = path.join(ROOT, 'docs', name);
  await sharp(picture).resize({ width: WIDTH, withoutEnlargement: true }).webp({ quality: 60 }).toFile(file);
  console.log(`wrote docs/${name}`);
}

const textOf = ({ x, y, w, h }: FrameBox): string => [x, y, w, h].join();

/** Runs a command of ebm-tracker. @throws Error with what it printed */
async function command(...args: string[]): Promise<void> {
  const terminal = { stdout: new PassThrough(), stderr: new PassThrough() };
  if ((await runCli(args, terminal)) === 0) return;
  throw new Error(`${args.join(' ')}: ${String(terminal.stderr.read())}`);
}

async function draw(page: Page, box: FrameBox): Promise<void> {
  const canvas = (await page.locator('#picture').boundingBox())!;
  const scale = Math.min(canvas.width / SIZE.width, canvas.height / SIZE.height);
  const left = canvas.x + (canvas.width - SIZE.width * scale) / 2 + box.x * scale;
  const top = canvas.y + (canvas.height - SIZE.height * scale) / 2 + box.y * scale;
  await page.mouse.move(left, top);
  await page.mouse.down();
  await page.mouse.move(left + box.w * scale, top + box.h * scale, { steps: 3 });
  await page.mouse.up();
}

async function picturePage(browser: Browser, folder: string): Promise<void> {
  const root = path.join(folder, 'footage');
  await mkdir(root);
  await copyFile(clip, path.join(root, 'demo.mp4'));
  const server = await listen({ openTracker: () => createTrackerGroup({ threads: 1 }), port: 0, root });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(600_000);
  await page.goto(server.url);
  await page.getByRole('button', { name: 'demo.mp4' }).click();
  await page.locator('#picture[data-shown="0"]').waitFor();
  await draw(page, BOX);
  await page.getByRole('button', { name: 'Start' }).and(page.locator(':enabled')).waitFor();
  await page.keyboard.press('Enter');
  await page.locator('#work[data-state="running"]').waitFor();
  await page.locator('#work[data-state="still"]').waitFor();
  await save(await page.screenshot(), 'page.webp');
  await page.close();
  await server.close();
}

async function pictureReport(browser: Browser, folder: string): Promise<void> {
  const [root, out, report] = ['sequences', 'results', 'report'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(path.join(root, 'demo'), { recursive: true });
  await copyFile(clip, path.join(root, 'demo/video.mp4'));
  // the truth is another run's result: the picture shows the form of a report
  const truth = path.join(folder, 'truth.csv');
  await command('track', clip, '--box', textOf(BOX), '--seed', '12', '--preset', 'fast', '--out', truth);
  const rows = await readBoxes(truth);
  await writeFile(path.join(root, 'demo/groundtruth.txt'), rows.map(({ box }) => `${textOf(box)}\n`).join(''));
  await command('evaluate', 'folder', '--root', root, '--out', out, '--report', report);
  const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
  await page.goto(pathToFileURL(path.join(report, 'report.html')).href);
  await save(await page.screenshot(), 'report.webp');
  await page.close();
}

async function pictureTracks(folder: string): Promise<void> {
  const [video, why] = [path.join(folder, 'two.mp4'), path.join(folder, 'why')];
  const boxes = ['--box', textOf(BOX), '--box', textOf(END_FACE)];
  await command('track', clip, ...boxes, '--out', path.join(folder, 'two.csv'), '--video', video);
  const { openVideo } = await import('../src/video/read.js');
  for await (const { index, data, width, height } of (await openVideo(video)).frames()) {
    if (index < 20) continue;
    await save(
      await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer(),
      'several.webp',
    );
    break;
  }
  await command(
    'track',
    clip,
    '--box',
    textOf(BOX),
    '--debug',
    why,
    '--debug-every',
    '10',
    '--out',
    path.join(folder, 'one.csv'),
  );
  await save(path.join(why, 'page-0001.png'), 'why.webp');
}

const folder = await mkdtemp(path.join(os.tmpdir(), 'ebm-tracker-pictures-'));
/** The first seconds of the demo clip. */
const clip = path.join(folder, 'clip.mp4');
const { ffmpeg } = await findBinaries();
const cut = await capture(ffmpeg.path, ['-v', 'error', '-i', CLIP, '-frames:v', '60', '-crf', '18', clip]);
if (cut.failure !== undefined) throw new Error(cut.stderr);
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  await picturePage(browser, folder);
  await pictureTracks(folder);
  await pictureReport(browser, folder);
} finally {
  await browser.close();
  await rm(folder, { recursive: true });
}
