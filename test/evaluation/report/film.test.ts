import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findProtocol } from '../../../src/evaluation/protocols/index.js';
import { overlapsOf } from '../../../src/evaluation/overlaps.js';
import {
  chooseFrames,
  chooseWindow,
  filmFailures,
  findFailure,
  type Films,
} from '../../../src/evaluation/report/film.js';
import { renderHtml } from '../../../src/evaluation/report/html.js';
import { buildReport } from '../../../src/evaluation/report/report.js';
import type { ScoredSequence } from '../../../src/evaluation/types.js';
import { makeSequence } from '../../helpers/sequences.js';

/** So many frames of each overlap, one after the other. */
const overlaps = (...parts: (readonly [overlap: number, frames: number])[]): number[] =>
  parts.flatMap(([overlap, frames]) => Array<number>(frames).fill(overlap));

test('a failure lasts five frames below .2, from its first to where it is over for five', () => {
  expect(findFailure(overlaps([0.8, 10], [0.19, 5], [0.8, 10]))).toEqual({ first: 10, last: 14 });
  expect(findFailure(overlaps([0.8, 10], [0.1, 4], [0.8, 3], [0, 9]))).toEqual({ first: 17, last: 25 });
  expect(findFailure(overlaps([0.8, 10], [0, 6], [0.5, 4], [0.1, 7], [0.5, 5]))).toEqual({ first: 10, last: 26 });
});

test('without a lasting failure the first slip to 0 counts; .2 and above is none', () => {
  expect(findFailure(overlaps([0.8, 10], [0.1, 1], [0, 1], [0.8, 10]))).toEqual({ first: 11, last: 11 });
  expect(findFailure(overlaps([0.8, 10], [0.2, 20]))).toBeUndefined();
});

test('frames without truth neither end a failure nor lengthen it', () => {
  expect(findFailure(overlaps([0.8, 3], [0, 4], [Number.NaN, 9], [0.1, 1]))).toEqual({ first: 3, last: 16 });
  expect(findFailure(overlaps([0.8, 3], [0.1, 4], [Number.NaN, 9], [0.8, 6]))).toBeUndefined();
});

test('eight frames: two before, the first of the failure, the rest wider and wider to its end', () => {
  const frames = chooseFrames({ first: 100, last: 140 }, 1000);
  expect(frames.slice(0, 3)).toEqual([88, 96, 100]);
  expect(frames).toHaveLength(8);
  expect(frames.at(-1)).toBe(140);
  const steps = frames.slice(3).map((frame, k) => frame - frames[k + 2]!);
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
});

test('frames are chosen within the sequence, each once, and not for ever after', () => {
  expect(chooseFrames({ first: 2, last: 2 }, 1000)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  expect(chooseFrames({ first: 8, last: 9 }, 10)).toEqual([4, 8, 9]);
  expect(chooseFrames({ first: 50, last: 5000 }, 9000).at(-1)).toBe(200);
});

test('the window holds what of the boxes lies in the frame, a third of its height at least', () => {
  const size = { width: 1920, height: 1080 };
  const near = chooseWindow([{ x: 1880, y: 500, w: 30, h: 20 }], size);
  expect([near.w, near.h]).toEqual([480, 360]);
  expect(near.x + near.w).toBeLessThanOrEqual(1920);
  expect(near.x).toBeLessThanOrEqual(1880);
  const far = chooseWindow(
    [
      { x: 10, y: 500, w: 30, h: 20 },
      { x: 3000, y: 0, w: 9, h: 9 },
      { x: 1700, y: 500, w: 50, h: 50 },
    ],
    size,
  );
  expect(far).toEqual({ x: 0, y: 0, w: 1920, h: 1080 });
  expect(chooseWindow([], size)).toEqual({ x: 0, y: 0, w: 1920, h: 1080 });
  expect(chooseWindow([{ x: 0, y: 5, w: 900, h: 5 }], { width: 1000, height: 100 })).toMatchObject({ h: 100, w: 1000 });
});

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'film-'));
  await makeSequence(root, 'red <b>', 20, [200, 0, 0]);
});
afterAll(() => rm(root, { recursive: true }));

/** Truth of makeSequence(); the tracker leaves the frame at frame 6. */
function failing(name: string, absent?: boolean[]): ScoredSequence {
  const truth = new Float64Array(80).map((_, i) => [2, 3, 5, 4][i % 4]!);
  const boxes = truth.map((value, i) => (i >= 24 && i % 4 === 0 ? 11 : value));
  return { name, truth, boxes, ...(absent ? { absent } : {}) };
}

async function film(...scored: ScoredSequence[]): Promise<Films> {
  const footage = new Map([
    ['red <b>', { source: path.join(root, 'red <b>', 'img'), start: 0 }],
    ['gone', { source: path.join(root, 'gone'), start: 0 }],
  ]);
  return filmFailures('t <i>', scored, scored, footage);
}

test('a strip: its frames with their overlap, as pictures of 120 pixels; the absent have none', async () => {
  const absent = Array.from({ length: 20 }, (_, i) => i === 8);
  const { strips, warnings } = await film(failing('red <b>', absent));
  expect(warnings).toEqual([]);
  const [strip] = strips;
  expect(strip!.failure).toBe(6);
  expect(strip!.frames.map(({ frame }) => frame)).toEqual(chooseFrames({ first: 6, last: 19 }, 20));
  for (const { frame, overlap, jpeg } of strip!.frames) {
    expect(overlap).toBe(frame === 8 ? undefined : frame < 6 ? 1 : 0);
    expect(await sharp(jpeg).metadata()).toMatchObject({ format: 'jpeg', height: 120, width: strip!.width });
  }
});

test('sequences without a failure or frames have no strip; frames that cannot be read are told', async () => {
  const fine = failing('red <b>');
  expect((await film({ ...fine, boxes: fine.truth }, failing('elsewhere'))).strips).toEqual([]);
  const { strips, warnings } = await film(failing('gone'), fine);
  expect(strips.map(({ sequence }) => sequence)).toEqual(['red <b>']);
  expect(warnings).toEqual([expect.stringMatching(/^no film strip of gone: .*no such file/)]);
});

test('the page holds the pictures themselves, and names as text', async () => {
  const scored = [failing('red <b>')];
  const protocol = findProtocol('ope');
  const report = buildReport('t', protocol, [{ name: 't <i>', scored, score: protocol.score(scored) }]);
  const page = renderHtml(report, await film(...scored));
  const pictures = [...page.matchAll(/<img src="data:image\/jpeg;base64,([^"]+)"/g)];
  expect(pictures).toHaveLength(8);
  expect((await sharp(Buffer.from(pictures[0]![1]!, 'base64')).metadata()).height).toBe(120);
  expect(page).not.toMatch(/https?:|<script[^>]|<link|src="(?!data:)|url\(/);
  expect(page).toContain('Where t &lt;i&gt; fails');
  expect(page).toContain('red &lt;b&gt;');
  expect(page).not.toMatch(/<i>|red <b>/);
  expect(page).toMatch(/>6: 0\.00</);
});

test('overlap by frame: NaN where the target is absent or has no box', () => {
  const truth = Float64Array.of(0, 0, 2, 2, 0, 0, 2, 2, Number.NaN, Number.NaN, Number.NaN, Number.NaN, 0, 0, 2, 2);
  const boxes = Float64Array.of(0, 0, 2, 2, 1, 0, 2, 2, 0, 0, 2, 2, 0, 0, 2, 2);
  expect([...overlapsOf({ truth, boxes, absent: [false, false, false, true] })]).toEqual([
    1,
    1 / 3,
    Number.NaN,
    Number.NaN,
  ]);
});
