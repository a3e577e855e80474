/** The tracker in a real browser: Chromium of the system, headless, WebAssembly. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type * as Web from '../../src/browser/index.js';
import { openRuntime } from '../../src/browser/runtime.js';
import { intersectionOverUnion, type FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { createTracker, createTrackerGroup } from '../../src/node/open.js';
import { nodePlatform } from '../../src/node/platform.js';
import type { Platform } from '../../src/platform.js';
import type { TrackResult } from '../../src/result.js';
import { createTracker as createCoreTracker } from '../../src/tracker/tracker.js';
import type { Tracker } from '../../src/tracker/types.js';
import { openVideo } from '../../src/video/read.js';
import { makeModels } from '../../src/web/write-site.js';
import type { InPage } from './page.js';
import { bundleOf, servePage } from '../helpers/browser-page.js';
import { runFfmpeg, temporaryFolder } from '../helpers/video.js';
import { browserPath, DEMO, openBrowser } from '../helpers/web.js';

declare const inPage: InPage;

/** FRAMES=60 compares as many as docs/browser.md tells of. */
const FRAMES = Number(process.env['FRAMES'] ?? 8);
const BOX: FrameBox = { x: 195, y: 24, w: 351, h: 243 };
const OTHER: FrameBox = { x: 60, y: 200, w: 90, h: 120 };
const CLOSE_PIXELS = 0.05;
/** Overlap with boxes that another build of the runtime leads to. */
const ALIKE = 0.95;
/** Mean overlap with the boxes of a float backbone. */
const NEAR = 0.97;

if (browserPath === undefined) console.warn('no Chromium on this machine: the tracker is not tested in a browser');

describe.skipIf(browserPath === undefined)('the tracker in a browser', () => {
  let browser: Browser | undefined;
  let script: Uint8Array;
  const frames: Frame[] = [];
  beforeAll(async () => {
    script = await bundleOf('test/browser/page.ts');
    const demo = await openVideo(path.join(DEMO, 'demo.mp4'));
    for await (const frame of demo.frames()) if (frames.push(frame) === FRAMES) break;
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  /** A page whose server has the first frames as RGB. Whatever goes wrong in it, or is fetched elsewhere, fails the test. */
  async function openPage(isolated: boolean, more: Record<string, () => Promise<Uint8Array> | Uint8Array> = {}) {
    const served = Object.fromEntries(frames.map(({ data }, i) => [`/frames/${i}`, () => data]));
    const server = await servePage(isolated, { ...served, '/page.js': () => script, ...more });
    const context = await browser!.newContext();
    onTestFinished(async () => {
      await context.close();
      await server.close();
    });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.goto(server.url);
    return { page, server, errors };
  }

  it(`gives the boxes of Node over ${FRAMES} frames, and fetches models once`, { timeout: 900_000 }, async () => {
    const small = Object.entries(await makeModels()).map(([name, bytes]) => [`/small/${name}`, () => bytes] as const);
    const { page, server, errors } = await openPage(false, Object.fromEntries(small));
    const [{ results, description, progress, msPerFrame }, native] = await Promise.all([
      page.evaluate((given) => inPage.track(...given), [[BOX], FRAMES, {}] as const),
      createTracker({ threads: 1, provider: 'cpu' }).then((tracker) => track(tracker)),
    ]);
    console.log(`WebAssembly, one thread, beside Node: ${msPerFrame.toFixed(0)} ms a frame`);
    expect(description).toMatchObject({ device: 'wasm', threads: 1 });
    expect(description.reasons.join('; ')).toMatch(/^webgpu: .*; wasm: .*; threads: 1, since the page is not isolated/);
    expect(progress.at(-1)).toMatchObject({ loaded: progress.at(-1)!.total, cached: false });
    const found = results.map(([result]) => result!);
    expectSame(found, await track(await openOnWasm()));
    expectAlike(found, native);

    const options = { models: '/small/small.json', precision: 'int8' } as const;
    const tracked = await page.evaluate((given) => inPage.track(...given), [[BOX], FRAMES, options] as const);
    console.log(`the same with small models: ${tracked.msPerFrame.toFixed(0)} ms a frame`);
    expectNear(
      tracked.results.map(([result]) => result!),
      native,
    );

    server.asked.length = 0;
    const again = await page.evaluate((given) => inPage.track(...given), [[BOX], 2, {}] as const);
    expect(again.results).toEqual(results.slice(0, 2));
    expect(again.progress.filter(({ cached }) => cached).map(({ file }) => path.basename(file))).toEqual([
      'head-default.safetensors',
      'backbone.onnx',
    ]);
    expect(server.asked.filter((place) => place.startsWith('/models/'))).toEqual(['/models/manifest.json']);
    expect(errors).toEqual([]);
  });

  /** All frames. The tracker is released then. */
  async function track(tracker: Tracker): Promise<TrackResult[]> {
    const results = [await tracker.init(frames[0]!, BOX)];
    for (const frame of frames.slice(1)) results.push(await tracker.update(frame));
    await tracker.release();
    return results;
  }

  it('has threads where the page is isolated, and follows several objects', async () => {
    const { page, errors } = await openPage(true);
    const { results, description, msPerFrame } = await page.evaluate((given) => inPage.track(...given), [
      [BOX, OTHER],
      6,
      { threads: 2 },
    ] as const);
    console.log(`WebAssembly, two threads, two objects: ${msPerFrame.toFixed(0)} ms a frame`);
    expect(description).toMatchObject({ device: 'wasm', threads: 2, lanes: 1 });
    expect(description.reasons).toContain('threads: 2, as asked for');
    const group = await createTrackerGroup({ threads: 2, lanes: 1, provider: 'cpu' });
    onTestFinished(() => group.release());
    const expected = [await group.init(frames[0]!, [BOX, OTHER])];
    for (const frame of frames.slice(1, 6)) expected.push(await group.update(frame));
    expectAlike(results.flat(), expected.flat());
    expect(errors).toEqual([]);
  });

  it('tracks in the example: a video is chosen, a box is drawn', async () => {
    const bundle = await bundleOf('src/browser/index.ts');
    const { page, server, errors } = await openPage(false, { '/dist/browser/bundle.js': () => bundle });
    await page.goto(`${server.url}examples/web/index.html`);
    await page.getByText('Choose a video').waitFor({ timeout: 120_000 });
    await page.setInputFiles('input', path.join(DEMO, 'demo.mp4'));
    await page.locator('canvas[width="640"]').waitFor();
    const { x, y } = (await page.locator('canvas').boundingBox())!;
    await page.mouse.move(x + BOX.x, y + BOX.y);
    await page.mouse.down();
    await page.mouse.move(x + BOX.x + BOX.w, y + BOX.y + BOX.h, { steps: 3 });
    await page.mouse.up();
    await page.getByText(/^(tracking|uncertain|lost), confidence [01]\.\d\d, \d+ ms$/).waitFor({ timeout: 120_000 });
    expect(errors).toEqual([]);
  });

  it('tracks in the example for bundlers: a video is chosen', async () => {
    const clip = path.join(await temporaryFolder(), 'clip.webm');
    await runFfmpeg([
      '-i',
      path.join(DEMO, 'demo.mp4'),
      '-frames:v',
      '3',
      '-c:v',
      'libvpx',
      '-deadline',
      'realtime',
      clip,
    ]);
    const { page, server, errors } = await openPage(false, await bundledExample());
    await page.goto(`${server.url}${EXAMPLE}/index.html`);
    await page.setInputFiles('input', clip);
    await page.getByText(/^frame 2, 0\.07 s: \w+, confidence \d\.\d\d$/).waitFor({ timeout: 120_000 });
    expect(await page.locator('canvas').getAttribute('width')).toBe('640');
    expect(errors).toEqual([]);
  });

  it('refuses a model that is not the one described, and a device that is not there', async () => {
    const backbone = await readFile(path.join(DEMO, '../backbone.onnx'));
    backbone[1000]! ^= 1;
    const { page } = await openPage(false, { '/models/backbone.onnx': () => backbone });
    expect(await refusalIn(page, { models: '/models' })).toMatch(
      /^MODEL_INVALID: model http.*backbone\.onnx: sha256 is/,
    );
    expect(await refusalIn(page, { models: '/none' })).toMatch(/^MODEL_MISSING: .*none\/manifest\.json: .* 404/);
    expect(await refusalIn(page, { models: '/models', device: 'webgpu' })).toMatch(/^RUNTIME_UNAVAILABLE: /);
    expect(await refusalIn(page, { models: '/models', seed: -1 })).toMatch(/^CONFIG_INVALID: .*seed/);
  });

  it('reads every kind of picture alike, and says why it cannot', async () => {
    const video = await readFile(path.join(DEMO, 'demo.mp4'));
    const { page } = await openPage(false, { '/demo.mp4': () => video });
    const elsewhere = await openPage(false, { '/a.svg': () => Buffer.from(SVG) });
    const { differences, refusals } = await page.evaluate(
      (foreign) => inPage.readAll(foreign),
      `${elsewhere.server.url}a.svg`,
    );
    console.log(`mean difference of values, 0 to 255: ${JSON.stringify(differences)}`);
    expect(differences).toMatchObject({ ImageBitmap: 0, HTMLCanvasElement: 0, OffscreenCanvas: 0, VideoFrame: 0 });
    // Chromium turns YUV into RGB with other rounding than ffmpeg does
    expect(differences['HTMLVideoElement']).toBeLessThan(3);
    expect(refusals).toEqual([
      expect.stringMatching(/^IMAGE_UNREADABLE: VideoFrame: is closed/),
      expect.stringMatching(/^IMAGE_UNREADABLE: ImageBitmap: is closed/),
      expect.stringMatching(/^IMAGE_UNREADABLE: HTMLVideoElement: has no picture \(readyState 0/),
      expect.stringMatching(/^IMAGE_UNREADABLE: HTMLCanvasElement: its pixels are of another origin/),
      expect.stringMatching(/^OPTION_INVALID: frame: found HTMLDivElement/),
    ]);
  });
});

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';

/** On Node, with the networks in WebAssembly as in the browser. */
async function openOnWasm(): Promise<Tracker> {
  const onnxruntime = (await import('onnxruntime-web')) as unknown as Web.OnnxRuntime;
  const runtime = await openRuntime({ device: 'wasm', onnxruntime });
  const read = (model: string | Uint8Array) => (typeof model === 'string' ? nodePlatform.readFile(model) : model);
  const platform: Platform = {
    ...nodePlatform,
    copiesInputs: true,
    openModel: async (model) => runtime.openModel(await read(model), 'model'),
  };
  return createCoreTracker(platform, { threads: 1, provider: 'cpu' });
}

/** The same, to what a float can tell. */
function expectSame(found: readonly TrackResult[], expected: readonly TrackResult[]): void {
  expect(found.map(({ state }) => state)).toEqual(expected.map(({ state }) => state));
  const worst = farthest(found, expected);
  console.log(`farthest from Node with WebAssembly: ${worst} pixels`);
  expect(worst).toBeLessThan(CLOSE_PIXELS);
}

/** Other builds of the runtime round otherwise; where that moves a search to another step of its grid, boxes differ by a pixel from then on. */
function expectAlike(found: readonly TrackResult[], expected: readonly TrackResult[]): void {
  expect(found.map(({ state }) => state)).toEqual(expected.map(({ state }) => state));
  const overlaps = found.map(({ box }, i) => intersectionOverUnion(box, expected[i]!.box));
  console.log(`from Node: ${farthest(found, expected)} pixels at most, overlap ${Math.min(...overlaps)} at least`);
  expect(Math.min(...overlaps)).toBeGreaterThan(ALIKE);
}

/** With fewer bits. */
function expectNear(found: readonly TrackResult[], expected: readonly TrackResult[]): void {
  expect(found.map(({ state }) => state)).toEqual(expected.map(({ state }) => state));
  const overlaps = found.map(({ box }, i) => intersectionOverUnion(box, expected[i]!.box));
  const mean = overlaps.reduce((sum, overlap) => sum + overlap, 0) / overlaps.length;
  console.log(
    `small models: overlap with Node's float ${mean.toFixed(4)} on average, ${Math.min(...overlaps).toFixed(4)} at least`,
  );
  expect(mean).toBeGreaterThan(NEAR);
  expect(Math.min(...overlaps)).toBeGreaterThan(ALIKE);
}

/** Pixels between two sides of a box, at most. */
function farthest(found: readonly TrackResult[], expected: readonly TrackResult[]): number {
  const sides = (all: readonly TrackResult[]): number[] => all.flatMap(({ box: { x, y, w, h } }) => [x, y, w, h]);
  const others = sides(expected);
  return Math.max(...sides(found).map((side, i) => Math.abs(side - others[i]!)));
}

/** "CODE: message" of what createTracker() throws. */
function refusalIn(page: Page, options: Web.BrowserOptions): Promise<string> {
  return page.evaluate((options) => inPage.refusal(options), options);
}

const EXAMPLE = 'examples/web/bundler';
const ROOT = path.join(import.meta.dirname, '../..');

/** The folder that the example's page tells to serve, by paths: scripts by esbuild, models, and the runtime's WebAssembly. */
async function bundledExample(): Promise<Record<string, () => Promise<Uint8Array>>> {
  const { outputFiles } = await build({
    entryPoints: ['main.js', 'worker.js'].map((name) => path.join(ROOT, EXAMPLE, name)),
    outdir: '/',
    alias: {
      'ebm-tracker/web': path.join(ROOT, 'src/browser/index.ts'),
      'ebm-tracker/web/worker': path.join(ROOT, 'src/browser/worker.ts'),
    },
    bundle: true,
    splitting: true,
    format: 'esm',
    write: false,
    logLevel: 'warning',
  });
  const scripts = outputFiles.map(({ path: file, contents }) => [path.basename(file), async () => contents] as const);
  const beside = ['manifest.json', 'head-default.safetensors', 'backbone-int8.onnx'].map(
    (name) => [`models/${name}`, () => readFile(path.join(ROOT, 'models', name))] as const,
  );
  const wasm = 'ort-wasm-simd-threaded.wasm';
  const runtime = [wasm, () => readFile(path.join(ROOT, 'node_modules/onnxruntime-web/dist', wasm))] as const;
  return Object.fromEntries([...scripts, ...beside, runtime].map(([name, read]) => [`/${EXAMPLE}/${name}`, read]));
}
