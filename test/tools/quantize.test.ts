import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/io/onnx-graph.js';
import { createRandom, type Random } from '../../src/random.js';
import { openOnnxModel, type FloatTensor } from '../../src/runtime/onnx.js';
import { fitCorrections, fitRanges } from '../../tools/lib/fit-quantization.js';
import { gridOf, Histogram, planQuantization, quantizeModel } from '../../tools/lib/quantize.js';

const SIDE = 12;

/** Two residual blocks: conv, then twice relu(x + conv(relu(conv(x)))). */
function blocks(random: Random): Uint8Array {
  const graph = new GraphBuilder();
  const normal = (dims: number[], scale: number, mean = 0): string =>
    graph.constant({
      data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => mean + scale * random.normal()),
      dims,
    });
  const convolve = (x: string, from: number, to: number): string =>
    graph.op('Conv', [x, normal([to, from, 3, 3], 0.4 / Math.sqrt(from)), normal([to], 0.2)], { pads: [1, 1, 1, 1] });
  let x = graph.op('Relu', [convolve(graph.input('image', ['b', 3, 'h', 'w']), 3, 8)]);
  for (let block = 0; block < 2; block++) {
    const inner = graph.op('Relu', [convolve(x, 8, 8)]);
    x = graph.op('Relu', [graph.op('Add', [convolve(inner, 8, 8), x])]);
  }
  graph.output('map', x, ['b', 8, 'h', 'w']);
  return graph.toBytes();
}

function images(count: number, random: Random): FloatTensor[] {
  return Array.from({ length: count }, () => ({
    data: Float32Array.from({ length: 3 * SIDE * SIDE }, () => random.normal()),
    dims: [1, 3, SIDE, SIDE],
  }));
}

async function run(model: Uint8Array, inputs: readonly FloatTensor[]): Promise<Float32Array[]> {
  const session = await openOnnxModel(model, { threads: 1, provider: 'cpu' });
  const results: Float32Array[] = [];
  for (const image of inputs) results.push((await session.run({ image }))['map']!.data);
  await session.release();
  return results;
}

/** Squared error over square, and the mean error over the mean. */
function compare(found: readonly Float32Array[], exact: readonly Float32Array[]): { noise: number; shift: number } {
  let error = 0;
  let square = 0;
  let shift = 0;
  let sum = 0;
  for (const [n, map] of exact.entries()) {
    for (const [i, value] of map.entries()) {
      const difference = found[n]![i]! - value;
      error += difference ** 2;
      square += value ** 2;
      shift += difference;
      sum += value;
    }
  }
  return { noise: error / square, shift: shift / sum };
}

describe('quantisation', () => {
  const random = createRandom(5);
  const float = blocks(random);
  const fit = images(8, random);
  const other = images(4, random);

  it('plans convolutions behind the first, and additions that are no output', () => {
    const plan = planQuantization(float, 1);
    expect(plan.convolutions).toHaveLength(4);
    expect(plan.nodes.has('map')).toBe(false);
    expect(plan.inner).not.toContain('map');
    // first convolution's ReLU, two inner ReLUs, two branches, the first sum
    expect(plan.values).toHaveLength(6);
  });

  it('stays near the float network on images it was not fitted on, and corrections bring the mean back', async () => {
    const plan = planQuantization(float, 1);
    const ranges = await fitRanges(float, plan, 'image', fit);
    const exact = await run(float, other);
    for (const [weightBits, most] of [
      [8, 1e-3],
      [4, 0.1],
    ] as const) {
      const plain = quantizeModel(float, plan, { ranges, weightBits, corrections: new Map() });
      const corrections = await fitCorrections(float, plan, { ranges, weightBits }, 'image', fit);
      const corrected = quantizeModel(float, plan, { ranges, weightBits, corrections });
      const before = compare(await run(plain, other), exact);
      const after = compare(await run(corrected, other), exact);
      expect(before.noise).toBeGreaterThan(1e-8);
      expect(after.noise).toBeLessThan(most);
      if (weightBits === 4) expect(Math.abs(after.shift)).toBeLessThan(0.5 * Math.abs(before.shift));
    }
  });

  it('gives the same bytes twice', async () => {
    const plan = planQuantization(float, 1);
    const make = async (): Promise<Uint8Array> =>
      quantizeModel(float, plan, {
        ranges: await fitRanges(float, plan, 'image', fit),
        weightBits: 7,
        corrections: new Map(),
      });
    expect(Buffer.from(await make()).equals(Buffer.from(await make()))).toBe(true);
  });

  it('names a value without a range', () => {
    const plan = planQuantization(float, 1);
    const settings = { ranges: new Map(), weightBits: 8, corrections: new Map() };
    expect(() => quantizeModel(float, plan, settings)).toThrow(plan.values[0]!);
  });
});

describe('Histogram', () => {
  it('cuts off an outlier where finer steps for the rest are worth it', () => {
    const histogram = new Histogram();
    histogram.add(Float32Array.from({ length: 1_000_000 }, (_, i) => i / 1_000_000));
    histogram.add(Float32Array.of(2));
    const { low, high } = histogram.bestRange();
    expect(low).toBe(0);
    expect(high).toBeGreaterThanOrEqual(0.95);
    expect(high).toBeLessThan(1.2);
  });

  it('keeps all of evenly spread values, on both sides of zero', () => {
    const histogram = new Histogram();
    histogram.add(Float32Array.from({ length: 10_000 }, (_, i) => i / 2500 - 1));
    const { low, high } = histogram.bestRange();
    expect(low).toBeCloseTo(-1, 1);
    expect(high).toBeCloseTo(3, 1);
  });
});

describe('gridOf', () => {
  it('has its zero point at 0 for what is never negative, and holds 0 exactly otherwise', () => {
    expect(gridOf({ low: 0, high: 2.55 })).toMatchObject({ zero: 0, scale: Math.fround(0.01) });
    const { scale, zero } = gridOf({ low: -1, high: 1.55 });
    expect(zero).toBe(100);
    expect(scale).toBeCloseTo(0.01, 6);
  });
});
