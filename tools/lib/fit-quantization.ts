/** What int8 needs to know of a backbone (ranges, what biases have to make good), and what it costs and brings. */
import type { BackboneEntry } from '../../src/features/manifest.js';
import { cutModel, withOutputs, type Port } from '../../src/io/onnx-graph.js';
import { openOnnxModel, type FloatTensor, type OnnxModel } from '../../src/runtime/onnx.js';
import { MAP_ROLES, type MapRole } from './measure-backbone.js';
import { Histogram, quantizeModel, type QuantizePlan, type QuantizeSettings, type Range } from './quantize.js';

export const THREADS = 2;
export const TIMED_RUNS = 60;

/** Runs a model on each crop. */
async function runEach(
  model: Uint8Array,
  input: string,
  crops: readonly FloatTensor[],
  look: (maps: Record<string, FloatTensor>) => void,
): Promise<void> {
  const session = await openOnnxModel(model, { threads: THREADS, provider: 'cpu' });
  try {
    for (const crop of crops) look(await session.run({ [input]: crop }));
  } finally {
    await session.release();
  }
}

/** The range of each value of the plan, over all cells of all crops. */
export async function fitRanges(
  float: Uint8Array,
  plan: QuantizePlan,
  input: string,
  crops: readonly FloatTensor[],
): Promise<Map<string, Range>> {
  const histograms = new Map(plan.values.map((value) => [value, new Histogram()]));
  await runEach(withOutputs(float, plan.inner), input, crops, (maps) => {
    for (const [value, histogram] of histograms) histogram.add(maps[value]!.data);
  });
  return new Map([...histograms].map(([value, histogram]) => [value, histogram.bestRange()]));
}

/**
 * What each channel of each convolution lost on average by quantisation, one convolution after the other, so that the later ones see the
 * earlier ones mended.
 */
export async function fitCorrections(
  float: Uint8Array,
  plan: QuantizePlan,
  settings: Omit<QuantizeSettings, 'corrections'>,
  input: string,
  crops: readonly FloatTensor[],
): Promise<Map<string, Float32Array>> {
  const wanted = await channelMeans(withOutputs(float, plan.convolutions), plan.convolutions, input, crops);
  const corrections = new Map<string, Float32Array>();
  const picture: Port = { value: input, name: input, dims: ['batch', 'a', 'b', 'c'] };
  for (const value of plan.convolutions) {
    const upTo = cutModel(float, [picture], [{ value, name: value, dims: ['batch', 'channels', 'height', 'width'] }]);
    const part = quantizeModel(upTo, plan, { ...settings, corrections });
    const found = (await channelMeans(part, [value], input, crops)).get(value)!;
    corrections.set(
      value,
      wanted.get(value)!.map((mean, channel) => mean - found[channel]!),
    );
  }
  return corrections;
}

async function channelMeans(
  model: Uint8Array,
  values: readonly string[],
  input: string,
  crops: readonly FloatTensor[],
): Promise<Map<string, Float32Array>> {
  const sums = new Map<string, Float64Array>();
  await runEach(model, input, crops, (maps) => {
    for (const value of values) {
      const { data, dims } = maps[value]!;
      const channels = dims[1]!;
      const cells = data.length / channels;
      const sum = sums.get(value) ?? new Float64Array(channels);
      sums.set(value, sum);
      for (let i = 0; i < data.length; i++) sum[Math.floor(i / cells)]! += data[i]! / cells;
    }
  });
  return new Map([...sums].map(([value, sum]) => [value, Float32Array.from(sum, (total) => total / crops.length)]));
}

/** Decibels of each map, every channel in units of its deviation: variance over squared error. */
export async function measureNoise(
  float: Uint8Array,
  int8: Uint8Array,
  entry: BackboneEntry,
  crops: readonly FloatTensor[],
): Promise<Record<MapRole, number>> {
  const sessions = await openBoth(float, int8);
  const errors = { fine: 0, coarse: 0 };
  const variances = { fine: 0, coarse: 0 };
  for (const crop of crops) {
    const [exact, rough] = [
      await sessions.float.run({ [entry.input.name]: crop }),
      await sessions.int8.run({ [entry.input.name]: crop }),
    ];
    for (const role of MAP_ROLES) {
      const { output, deviation } = entry[role];
      const a = exact[output]!.data;
      const b = rough[output]!.data;
      const cells = a.length / deviation.length;
      for (let c = 0; c < deviation.length; c++) {
        const weight = 1 / Math.max(1e-2, deviation[c]!) ** 2;
        const mean = a.subarray(c * cells, (c + 1) * cells).reduce((sum, value) => sum + value, 0) / cells;
        for (let i = c * cells; i < (c + 1) * cells; i++) {
          variances[role] += weight * (a[i]! - mean) ** 2;
          errors[role] += weight * (a[i]! - b[i]!) ** 2;
        }
      }
    }
  }
  await Promise.all([sessions.float.release(), sessions.int8.release()]);
  const decibels = (role: MapRole): number => 10 * Math.log10(variances[role] / errors[role]);
  return { fine: decibels('fine'), coarse: decibels('coarse') };
}

async function openBoth(float: Uint8Array, int8: Uint8Array): Promise<{ float: OnnxModel; int8: OnnxModel }> {
  const options = { threads: THREADS, provider: 'cpu' } as const;
  return { float: await openOnnxModel(float, options), int8: await openOnnxModel(int8, options) };
}

/** Milliseconds of both, alternating in one process. */
export async function measureTime(
  float: Uint8Array,
  int8: Uint8Array,
  input: string,
  crop: FloatTensor,
): Promise<{ float: number[]; int8: number[] }> {
  const sessions = await openBoth(float, int8);
  const times: { float: number[]; int8: number[] } = { float: [], int8: [] };
  for (let run = -5; run < TIMED_RUNS; run++) {
    for (const which of ['float', 'int8'] as const) {
      const began = performance.now();
      await sessions[which].run({ [input]: crop });
      if (run >= 0) times[which].push(performance.now() - began);
    }
  }
  await Promise.all([sessions.float.release(), sessions.int8.release()]);
  return times;
}
