/** Sizes of the folder that `ebm-tracker web` writes, and what is in it; site.test.ts opens the page. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeSite } from '../../src/web/write-site.js';
import { buildSite } from '../../tools/lib/build-site.js';
import { bytesOf, pageFiles, startFiles } from '../helpers/site.js';

/** Html, css and scripts that a visit loads before a video is opened, as they are stored. */
const MAX_START_BYTES = 300_000;
/** The same with what decodes files: 515,367 when this was written, and a tenth more. */
const MAX_PAGE_BYTES = 567_000;
const MAX_MODEL_BYTES = 6_000_000;

let folder: string;
let site: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-site-size-'));
  site = path.join(folder, 'site');
  await buildSite(path.join(folder, 'built'));
  await writeSite({ out: site, pageFolder: path.join(folder, 'built') });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('loads less than 300 kB before a video is opened, and decodes files with a script of its own', async () => {
  const [start, all] = [await startFiles(site), await pageFiles(site)];
  const later = all.filter((name) => !start.includes(name));
  expect(later).toEqual([expect.stringMatching(/^demuxer-\w+\.js$/)]);
  const sizes = { start: await bytesOf(site, start), all: await bytesOf(site, all) };
  console.log(`page: ${sizes.start} bytes at the start, ${sizes.all} in all`);
  expect(sizes.start).toBeLessThan(MAX_START_BYTES);
  expect(sizes.all).toBeLessThan(MAX_PAGE_BYTES);
});

it('has small models of less than 6 MB', async () => {
  const models = (await readdir(path.join(site, 'models'))).filter((name) => /int8|16bit/.test(name));
  expect(models).toHaveLength(2);
  expect(await bytesOf(path.join(site, 'models'), models)).toBeLessThan(MAX_MODEL_BYTES);
});

it('is kept whole by its service worker, also what is not loaded yet', async () => {
  const script = await readFile(path.join(site, 'sw.js'), 'utf8');
  const kept = JSON.parse(/FILES=(\[[^\]]*\])/.exec(script)![1]!) as string[];
  const own = (await pageFiles(site)).filter((name) => name !== 'sw.js' && name !== 'index.html');
  expect(kept).toEqual(expect.arrayContaining(['./', ...own]));
});

it('names the licences of the libraries that are in it, and says what was left out of them', async () => {
  const text = await readFile(path.join(site, 'licences.txt'), 'utf8');
  expect([...text.matchAll(/^(\S+) \S+ \(\S+\), (.*); source/gm)].map(([, name, change]) => [name, change])).toEqual([
    ['mediabunny', 'unchanged'],
    ['onnx-proto', 'without the functions that the page does not call'],
    ['protobufjs', 'unchanged'],
    ['zod', 'without its converter to JSON Schema'],
  ]);
});
