/** The static page of `ebm-tracker web` in a real browser: Chromium of the system, headless. Set SCREENSHOTS=DIR to keep pictures. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { intersectionOverUnion, type FrameBox } from '../../src/geometry.js';
import { FORMAT_NAMES, FORMATS, parseTracks } from '../../src/io/tracks.js';
import { parseBoxes } from '../../src/io/boxes.js';
import { HEADERS } from '../../src/web/site-headers.js';
import { writeSite } from '../../src/web/write-site.js';
import { buildSite } from '../../tools/lib/build-site.js';
import { isPageFile, startFiles } from '../helpers/site.js';
import { serveFolder, type StaticHost } from '../helpers/static.js';
import { runFfmpeg } from '../helpers/video.js';
import { browserPath, DEMO, openBrowser } from '../helpers/web.js';

const SIZE = { width: 640, height: 480 };
const BOX = { x: 195, y: 24, w: 351, h: 243 };
const FRAMES = 8;
/** As CSS lays it out: src/web/page/timeline.ts. */
const TIMELINE = { left: 34, right: 10 };

if (browserPath === undefined) console.warn('no Chromium on this machine: the static page is not tested');

describe.skipIf(browserPath === undefined)('the static page', () => {
  let browser: Browser;
  let folder: string;
  let clip: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-site-'));
    await buildSite(path.join(folder, 'built'));
    await writeSite({ out: path.join(folder, 'site'), pageFolder: path.join(folder, 'built') });
    clip = path.join(folder, 'clip.webm');
    const vp9 = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-crf', '20', '-b:v', '0'];
    await runFfmpeg(['-i', path.join(DEMO, 'demo.mp4'), '-frames:v', String(FRAMES), ...vp9, clip]);
    browser = await openBrowser(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  interface Opened {
    readonly page: Page;
    readonly host: StaticHost;
    /** Whatever went wrong in the page, and what it fetched from elsewhere. */
    readonly errors: string[];
  }

  async function openSite(
    look: BrowserContextOptions & { headers?: Record<string, string>; before?: () => void } = {},
  ): Promise<Opened> {
    const { headers, before, ...options } = look;
    const host = await serveFolder(path.join(folder, 'site'), headers);
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    onTestFinished(async () => {
      await context.close();
      await host.close();
    });
    context.setDefaultTimeout(120_000);
    if (before) await context.addInitScript(before);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    context.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== new URL(host.url).origin && protocol.startsWith('http')) errors.push(`fetched ${request.url()}`);
    });
    await page.goto(host.url);
    await page.locator('#status[data-ready]').waitFor();
    return { page, host, errors };
  }

  it('draws, tracks, corrects and exports in all formats; and works without its host afterwards', async () => {
    const { page, host, errors } = await openSite();
    await screenshot(page, 'opening');
    const chosen = Date.now();
    await page.setInputFiles('#file', clip);
    await shown(page, 0);
    await drag(page, BOX);
    await trackAll(page);
    console.log(`from the file to ${FRAMES} boxes: ${Date.now() - chosen} ms`);
    await screenshot(page, 'tracked');
    await clickTimeline(page, 5);
    await shown(page, 5);
    const corrected = { x: 40, y: 200, w: 150, h: 120 };
    await page.keyboard.press('1');
    await drag(page, corrected);
    await page.locator('#object-list .marks:text-is("1 correction")').waitFor();
    await screenshot(page, 'corrected');

    for (const format of FORMAT_NAMES) {
      const { name, text } = await exported(page, format);
      expect(name).toBe(`clip${FORMATS[format].endings[0]}`);
      if (format === 'ass') continue;
      const media = { name: 'clip.webm', ...SIZE, fps: 30, frameCount: FRAMES };
      const rows = parseTracks(text, format, media, 'export');
      expect(rows.map(({ frame }) => frame)).toEqual([...Array(FRAMES).keys()]);
      expect(intersectionOverUnion(rows[0]!.box, BOX)).toBeGreaterThan(0.97);
      expect(intersectionOverUnion(rows[4]!.box, BOX)).toBeGreaterThan(0.7);
      expect(intersectionOverUnion(rows[5]!.box, corrected)).toBeGreaterThan(0.95);
    }
    await page.keyboard.press('z');
    await expect
      .poll(async () => parseBoxes((await exported(page, 'csv')).text, 'csv', 'export')[5]!.confidence)
      .toBeLessThan(1);

    await host.close();
    await page.reload();
    await page.locator('#status[data-ready]').waitFor();
    await page.setInputFiles('#file', clip);
    await shown(page, 0);
    await drag(page, BOX);
    await trackAll(page);
    expect(errors).toEqual([]);
  });

  it('tracks what a camera shows while it goes on, and ends with it', async () => {
    const { page, errors } = await openSite({ permissions: ['camera'] });
    await page.locator('#camera').click();
    await expect.poll(() => frameShown(page)).toBeGreaterThan(3);
    expect(await page.locator('#position').innerText()).toMatch(/^frame \d+ \/ ~\d+ · \d+\.\d\d s$/);
    await drag(page, { x: 200, y: 150, w: 160, h: 120 });
    const drawn = await frameShown(page);
    await page.keyboard.press('Enter');
    const seen = new Set<number>();
    await expect.poll(async () => seen.add(await frameShown(page)).size, { interval: 50 }).toBeGreaterThan(4);
    await screenshot(page, 'camera');
    await page.keyboard.press('s');
    await page.locator('#work[data-state="still"]').waitFor();
    const rows = parseBoxes((await exported(page, 'csv')).text, 'csv', 'export');
    expect(rows.length).toBeGreaterThan(2);
    expect(rows[0]!.frame).toBe(drawn);
    expect(rows.every(({ time }, i) => i === 0 || time > rows[i - 1]!.time)).toBe(true);
    await page.locator('#back').click();
    await page.locator('#choose').waitFor();
    expect(errors).toEqual([]);
  });

  it('says what it does without: threads where it is not isolated, WebGPU, a service worker, WebCodecs', async () => {
    const { page, host, errors } = await openSite({
      serviceWorkers: 'block',
      before: () => {
        delete (globalThis as { VideoDecoder?: unknown }).VideoDecoder;
      },
    });
    // the sizes of test/web/site-size.test.ts are those of what a page fetches
    const fetched = new Set(host.asked.filter(isPageFile));
    const expected = await startFiles(path.join(folder, 'site'));
    expect([...fetched].toSorted()).toEqual(expected.filter((name) => name !== 'sw.js'));
    const reasons = await page.locator('#reasons').innerText();
    expect(reasons).toMatch(/webgpu: (the browser has no adapter|this browser has none)/);
    expect(reasons).toMatch(/wasm: WebAssembly with SIMD/);
    expect(reasons).toMatch(/threads: 1, since the page is not isolated/);
    expect(reasons).toMatch(/offline: /);
    expect(await page.locator('#engine').innerText()).toBe('WebAssembly, 1 thread');
    await page.setInputFiles('#file', clip);
    await shown(page, 0);
    expect(await page.locator('#message').innerText()).toMatch(
      /no WebCodecs.*read from a video element, which is slower\.$/,
    );
    await drag(page, BOX);
    await trackAll(page);
    expect(parseBoxes((await exported(page, 'csv')).text, 'csv', 'export').length).toBe(FRAMES);
    expect(errors).toEqual([]);
  });

  it('is isolated where the host sends the headers; where not, by its service worker, which opens files offline', async () => {
    const { page } = await openSite({ headers: { ...HEADERS } });
    expect(await page.evaluate('crossOriginIsolated')).toBe(true);
    expect(await page.locator('#reasons').innerText()).toMatch(/threads: the page is isolated/);
    const other = await openSite();
    // what decodes files was not needed yet
    await other.host.close();
    await other.page.reload();
    await other.page.locator('#status[data-ready]').waitFor();
    expect(await other.page.evaluate('crossOriginIsolated')).toBe(true);
    await other.page.setInputFiles('#file', clip);
    await shown(other.page, 0);
  });

  it('says in one message what is wrong with a file, and takes another one', async () => {
    const { page, errors } = await openSite();
    const broken = path.join(folder, 'broken.mp4');
    await writeFile(broken, 'no video at all '.repeat(500));
    await page.setInputFiles('#file', broken);
    await page.locator('#message').waitFor();
    expect(await page.locator('#message').innerText()).toMatch(
      /^video broken\.mp4: cannot be read: expected mp4, mov, webm or mkv, found something else\. play it/,
    );
    await screenshot(page, 'broken');
    await page.setInputFiles('#file', clip);
    await shown(page, 0);
    expect(errors).toEqual([]);
  });
});

async function screenshot(page: Page, name: string): Promise<void> {
  const where = process.env['SCREENSHOTS'];
  if (where === undefined) return;
  await mkdir(where, { recursive: true });
  await page.screenshot({ path: path.join(where, `site-${name}.png`) });
}

async function frameShown(page: Page): Promise<number> {
  return Number(await page.locator('#picture').getAttribute('data-shown'));
}

async function shown(page: Page, frame: number): Promise<void> {
  await page.locator(`#picture[data-shown="${frame}"]`).waitFor();
}

/** Tracks what was drawn, to the end. */
async function trackAll(page: Page): Promise<void> {
  await page.locator('#start:enabled').waitFor();
  await page.keyboard.press('Enter');
  await page.locator('#start:disabled').waitFor();
}

async function exported(page: Page, format: string): Promise<{ name: string; text: string }> {
  await page.locator('#format').selectOption(format);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const file = await download;
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
}

/** In pixels of the frame, which is shown as large as it fits. */
async function drag(page: Page, { x, y, w, h }: FrameBox): Promise<void> {
  const place = (await page.locator('#picture').boundingBox())!;
  const scale = Math.min(place.width / SIZE.width, place.height / SIZE.height);
  const left = place.x + (place.width - SIZE.width * scale) / 2;
  const top = place.y + (place.height - SIZE.height * scale) / 2;
  await page.mouse.move(left + x * scale, top + y * scale);
  await page.mouse.down();
  await page.mouse.move(left + (x + w) * scale, top + (y + h) * scale, { steps: 4 });
  await page.mouse.up();
}

async function clickTimeline(page: Page, frame: number): Promise<void> {
  const { x, y, width } = (await page.locator('#timeline').boundingBox())!;
  await page.mouse.click(
    x + TIMELINE.left + ((frame + 0.5) / FRAMES) * (width - TIMELINE.left - TIMELINE.right),
    y + 20,
  );
}
