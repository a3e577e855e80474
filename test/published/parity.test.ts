/** Small networks of all kinds against what the original trackers computed, tensor by tensor and box by box. */
import { expect, test, vi } from 'vitest';
import type { StoredTensor } from '../../src/io/safetensors.js';
import { openPublished } from '../../src/published/networks.js';
import { beginRun, readFixture, readTensors, type Figure, type Run } from '../../tools/published/fixture.js';

vi.setConfig({ testTimeout: 300_000 });
const OPTIONS = { threads: 1, provider: 'cpu' } as const;
const TENSOR = 1e-5;
/** After ten iterations: a score about 0 may change its sign. */
const FILTER = 1e-3;
const PIXEL = 0.01;

/** The greatest difference, in units of the greatest value. */
function difference(found: Float32Array, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) throw new Error(`${found.length} values, expected ${expected.length}`);
  let [most, greatest] = [0, 0];
  for (let i = 0; i < found.length; i++) {
    most = Math.max(most, Math.abs(found[i]! - expected[i]!));
    greatest = Math.max(greatest, Math.abs(expected[i]!));
  }
  return most / greatest;
}

/** The same of a tensor of which the fixture has some values, its mean and its deviation. */
function figureDifference(found: Float32Array, { shape, mean, deviation, at, values }: Figure): number {
  expect(found.length).toBe(shape.reduce((product, side) => product * side, 1));
  const own = found.reduce((sum, value) => sum + value, 0) / found.length;
  const spread = Math.sqrt(found.reduce((sum, value) => sum + (value - own) ** 2, 0) / found.length);
  const greatest = Math.max(...values.map(Math.abs));
  const worst = Math.max(...at.map((place, i) => Math.abs(found[place]! - values[i]!)), Math.abs(own - mean));
  expect(Math.abs(spread - deviation) / deviation).toBeLessThan(1e-4);
  return worst / greatest;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => {
    result.set(part, at);
    return at + part.length;
  }, 0);
  return result;
}
/** [16, C] -> [C, 16], as the fixtures have filters. */
const channelsFirst = (filter: Float32Array): Float32Array => {
  const channels = filter.length / 16;
  return Float32Array.from(filter, (_, i) => filter[(i % 16) * channels + Math.floor(i / 16)]!);
};
/** [H, W, C] -> [C, H, W] */
const planes = (map: Float32Array, channels: number): Float32Array => {
  const cells = map.length / channels;
  return Float32Array.from(map, (_, i) => map[(i % cells) * channels + Math.floor(i / cells)]!);
};

async function checkFirstFrame(
  run: Run,
  tensors: Record<string, StoredTensor>,
  figures: Readonly<Record<string, Figure>>,
): Promise<void> {
  const { record } = run;
  const expected = (name: string): Float32Array => tensors[name]!.data;
  expect(figureDifference(joined(record.pictures), figures['init.patches']!)).toBeLessThan(TENSOR);
  expect(figureDifference(record.begun[0]!.layer2, figures['init.layer2']!)).toBeLessThan(TENSOR);
  expect(figureDifference(record.begun[0]!.layer3, figures['init.layer3']!)).toBeLessThan(TENSOR);
  expect(figureDifference(joined(record.begun.map(({ layer3 }) => layer3)), figures['init.layer3.all']!)).toBeLessThan(
    TENSOR,
  );
  const features = expected('init.features');
  const begun = joined(record.begun.map((sight) => sight.features));
  expect(difference(begun, features.subarray(0, begun.length))).toBeLessThan(TENSOR);
  const labels = record.learned[0]!;
  // of the hinge the fixture has the label before the mask
  const hinge = run.model.recipe.family === 'simple' ? joined(labels.map(({ mask }) => mask!)) : undefined;
  const label = expected('init.label').map((value, i) => value * (hinge?.[i] ?? 1));
  expect(difference(joined(labels.map((sample) => sample.label)), label)).toBeLessThan(TENSOR);
  if ('init.mask' in tensors) {
    expect(difference(joined(labels.map(({ mask }) => mask!)), expected('init.mask'))).toBeLessThan(TENSOR);
    const weights = joined(labels.map(({ weight }) => weight!.map((value) => value * Math.sqrt(1 / 15))));
    const plain = joined(labels.map(({ weight }) => weight!));
    const given = expected('init.weight');
    expect(Math.min(difference(weights, given), difference(plain, given))).toBeLessThan(TENSOR);
  }
  expect(difference(channelsFirst(record.filters[0]!), expected('init.filter.first'))).toBeLessThan(TENSOR);
  expect(difference(channelsFirst(record.filters[1]!), expected('init.filter.after1'))).toBeLessThan(TENSOR);
  expect(difference(channelsFirst(record.filters[10]!), expected('init.filter'))).toBeLessThan(FILTER);
}

test.each(['tiny-super-dimp', 'tiny-prdimp', 'tiny-simple', 'tiny-dimp18'])(
  '%s: every tensor, every box',
  async (name) => {
    const fixture = await readFixture(name);
    const tensors = await readTensors(name);
    const expected = (key: string): Float32Array => tensors[key]!.data;
    const run = await beginRun(fixture, OPTIONS);
    await checkFirstFrame(run, tensors, fixture.figures);
    const { record } = run;
    for (const [i, row] of fixture.rows.entries()) {
      if (i === 0) continue;
      const number = i + 1;
      const { search, box, flag, score, weights } = await run.step();
      const [top, left, bottom, right] = expected(`${number}.coords`) as unknown as [number, number, number, number];
      expect(search.centre).toEqual([(top + bottom - 1) / 2, (left + right - 1) / 2]);
      expect([number, flag]).toEqual([number, row.flag]);
      expect(Math.abs(score - row.score!)).toBeLessThan(1e-4);
      const found = [box.x, box.y, box.w, box.h];
      found.forEach((value, axis) => expect(Math.abs(value - row.box[axis]!)).toBeLessThan(PIXEL));
      const given = tensors[`${number}.weights`]?.data;
      if (given) expect(difference(weights.subarray(0, given.length), given)).toBeLessThan(TENSOR);
      expect(difference(record.starts.at(-1)!, expected(`${number}.boxes.first`))).toBeLessThan(1e-4);
      expect(difference(record.refined.at(-1)!.boxes, expected(`${number}.boxes.last`))).toBeLessThan(1e-4);
    }
    await checkSecondFrame(run, expected);
    await run.networks.release();
  },
);

/** What was said of the second frame, and one step alone, which tells energies and gradients of the first boxes. */
async function checkSecondFrame({ record, model }: Run, expected: (name: string) => Float32Array): Promise<void> {
  const [sight] = record.sights;
  const [reference] = record.references;
  const starts = expected('2.boxes.first');
  expect(difference(sight!.features, expected('2.features'))).toBeLessThan(TENSOR);
  expect(difference(sight!.scores, expected('2.scores'))).toBeLessThan(FILTER);
  expect(difference(planes(sight!.fine, 16), expected('2.iou2'))).toBeLessThan(TENSOR);
  expect(difference(planes(sight!.coarse, 16), expected('2.iou3'))).toBeLessThan(TENSOR);
  expect(difference(record.refined[0]!.energies, expected('2.iou.last'))).toBeLessThan(TENSOR);
  for (const [map, name] of [
    ['fine', 'init.modulation2'],
    ['coarse', 'init.modulation3'],
  ] as const)
    expect(difference(reference![map], expected(name))).toBeLessThan(TENSOR);
  const step = 1000;
  const once = await openPublished(model, OPTIONS, { space: 'pixels', steps: 1, step });
  const { boxes, energies } = await once.refine(sight!, reference!, starts);
  await once.release();
  expect(difference(energies, expected('2.iou'))).toBeLessThan(TENSOR);
  const gradient = boxes.map((value, i) => (value - starts[i]!) / (step * starts[i - (i % 4) + 2 + (i % 2)]!));
  expect(difference(gradient, expected('2.iou.gradient'))).toBeLessThan(TENSOR);
}

test.each(['tiny-lost', 'tiny-memory'])('%s: every box', async (name) => {
  const fixture = await readFixture(name);
  const run = await beginRun(fixture, OPTIONS);
  for (const [i, row] of fixture.rows.entries()) {
    if (i === 0) continue;
    const { box, flag } = await run.step();
    expect([i, flag]).toEqual([i, row.flag]);
    [box.x, box.y, box.w, box.h].forEach((value, axis) => expect(Math.abs(value - row.box[axis]!)).toBeLessThan(PIXEL));
  }
  await run.networks.release();
});
