/** The published networks, open: from pixels and boxes to features, scores, filters and refined boxes. */
import { poolingMatrices, type MapAxis } from '../features/roi-pool.js';
import { openOnnxModel, type FloatTensor, type OnnxModel, type OnnxOptions } from '../runtime/onnx.js';
import { FILTER_SIDE } from './architecture.js';
import { COARSE_STRIDE, compileModulate, FINE_STRIDE, REFERENCE_BINS } from './box-graph.js';
import type { PublishedModel } from './file.js';
import { compileFirstFilter, compileLearn, TAPS } from './filter-graph.js';
import type { Label } from './labels.js';
import { cellsOf, compileBegin, compileLook } from './look-graph.js';
import type { Box, SampleMemory } from './memory.js';
import {
  centred,
  openRefiner,
  type BoxMaps,
  type Reference,
  type Refined,
  type Refiner,
  type RefineRules,
} from './refiner.js';

const FILTER = FILTER_SIDE * FILTER_SIDE;

/** Output of the networks for a picture of the first frame. */
export interface FirstSight {
  readonly features: Float32Array;
  readonly layer2: Float32Array;
  readonly layer3: Float32Array;
}

/** Output of the networks for a search crop. */
export interface Sight extends BoxMaps {
  /** [C, n, n] */
  readonly features: Float32Array;
  /** [n + 1, n + 1] */
  readonly scores: Float32Array;
}

export interface PublishedNetworks {
  readonly device: Pick<OnnxModel, 'provider' | 'reasons'>;
  /** @param picture [3, S, S], 0 to 255 */
  begin(picture: Float32Array): Promise<FirstSight>;
  /** The box head's view of the first frame's object. */
  refer(sight: FirstSight, box: Box): Promise<Reference>;
  /** Initial filter: [16, C]. */
  firstFilter(memory: SampleMemory): Promise<Float32Array>;
  /** One iteration over all samples. @param labels one a sample */
  learn(memory: SampleMemory, labels: readonly Label[], filter: Float32Array): Promise<Float32Array>;
  /** @param crops [3, S, S] each, with the filter of its object */
  look(crops: readonly { readonly pixels: Float32Array; readonly filter: Float32Array }[]): Promise<Sight[]>;
  /**
   * @param boxes [N, 4]; the first one's size is the unit of places
   * @param step length of a step; left out: that of the rules
   */
  refine(sight: Sight, reference: Reference, boxes: Float32Array, step?: number): Promise<Refined>;
  release(): Promise<void>;
}

/**
 * @param rules how boxes are refined
 * @throws TrackerError MODEL_INVALID, RUNTIME_UNAVAILABLE
 */
export async function openPublished(
  model: PublishedModel,
  options: OnnxOptions,
  rules: RefineRules = model.recipe.rules,
): Promise<PublishedNetworks> {
  // the filter's samples are tens of megabytes an iteration: they stay in this memory
  const here: OnnxOptions = { ...options, provider: 'cpu' };
  const begin = await openOnnxModel(compileBegin(model), options);
  const look = await openOnnxModel(compileLook(model), options);
  const modulate = await openOnnxModel(compileModulate(model), options);
  const first = await openOnnxModel(compileFirstFilter(model), here);
  const learn = await openOnnxModel(compileLearn(model), here);
  const refiner = await openRefiner(model, options, rules);
  return new OpenNetworks(model, { begin, look, modulate, first, learn }, refiner);
}

/** Runs that are timed, behind one that is not. */
const TIMED = 3;

/** Seconds that the graph of a search crop takes: the fastest of some runs on an empty picture. @throws TrackerError RUNTIME_UNAVAILABLE */
export async function measureLook(model: PublishedModel, threads: number): Promise<number> {
  const { rules, widths } = model.recipe;
  const graph = await openOnnxModel(compileLook(model), { threads, provider: 'cpu' });
  const zeros = (...dims: number[]): FloatTensor => ({ data: new Float32Array(dims.reduce((a, b) => a * b)), dims });
  const feeds = { image: zeros(1, 3, rules.size, rules.size), filter: zeros(1, FILTER, widths.filter) };
  let least = Infinity;
  for (let run = 0; run <= TIMED; run++) {
    const start = performance.now();
    await graph.run(feeds);
    if (run > 0) least = Math.min(least, (performance.now() - start) / 1000);
  }
  await graph.release();
  return least;
}

type Graphs = Readonly<Record<'begin' | 'look' | 'modulate' | 'first' | 'learn', OnnxModel>>;

class OpenNetworks implements PublishedNetworks {
  private readonly n: number;
  private readonly size: number;
  private readonly channels: number;
  private readonly fineAxis: MapAxis;
  private readonly coarseAxis: MapAxis;

  constructor(
    model: PublishedModel,
    private readonly graphs: Graphs,
    private readonly refiner: Refiner,
  ) {
    const { rules: own, widths } = model.recipe;
    this.size = own.size;
    this.n = cellsOf(own.size);
    this.channels = widths.filter;
    this.fineAxis = { cells: 2 * this.n, stride: FINE_STRIDE, offset: 0 };
    this.coarseAxis = { cells: this.n, stride: COARSE_STRIDE, offset: 0 };
  }

  get device(): Pick<OnnxModel, 'provider' | 'reasons'> {
    return this.graphs.look;
  }

  async begin(picture: Float32Array): Promise<FirstSight> {
    const { size } = this;
    const out = await this.graphs.begin.run({ image: { data: picture, dims: [1, 3, size, size] } });
    return { features: out['features']!.data, layer2: out['layer2']!.data, layer3: out['layer3']!.data };
  }

  async refer({ layer2, layer3 }: FirstSight, box: Box): Promise<Reference> {
    const { n } = this;
    const map = (data: Float32Array, cells: number): FloatTensor => ({
      data,
      dims: [1, data.length / (cells * cells), cells, cells],
    });
    const out = await this.graphs.modulate.run({
      layer2: map(layer2, 2 * n),
      layer3: map(layer3, n),
      ...poolingFeeds('fine', box, REFERENCE_BINS, this.fineAxis),
      ...poolingFeeds('coarse', box, 1, this.coarseAxis),
    });
    return { fine: out['fine']!.data, coarse: out['coarse']!.data };
  }

  async firstFilter(memory: SampleMemory): Promise<Float32Array> {
    const { pooling, coverage } = firstPooling(memory.boxes, this.coarseAxis);
    const out = await this.graphs.first.run({
      samples: this.samples(memory),
      pooling: { data: pooling, dims: [memory.count, TAPS * FILTER, this.n ** 2] },
      coverage: { data: coverage, dims: [FILTER, 1] },
    });
    return out['filter']!.data;
  }

  async learn(memory: SampleMemory, labels: readonly Label[], filter: Float32Array): Promise<Float32Array> {
    const feeds = {
      samples: this.samples(memory),
      filter: { data: filter, dims: [FILTER, this.channels] },
      ...labelFeeds(memory, labels, this.n + 1),
    };
    return (await this.graphs.learn.run(feeds))['next']!.data;
  }

  private samples({ features, count }: SampleMemory): FloatTensor {
    const { channels, n } = this;
    return { data: features.subarray(0, count * channels * n * n), dims: [count, channels, n * n] };
  }

  async look(crops: readonly { readonly pixels: Float32Array; readonly filter: Float32Array }[]): Promise<Sight[]> {
    const { size, channels } = this;
    const b = crops.length;
    const out = await this.graphs.look.run({
      image: { data: joined(crops.map(({ pixels }) => pixels)), dims: [b, 3, size, size] },
      filter: { data: joined(crops.map(({ filter }) => filter)), dims: [b, FILTER, channels] },
    });
    return crops.map((_, i) => {
      const part = (name: string): Float32Array => {
        const { data } = out[name]!;
        return data.subarray((i * data.length) / b, ((i + 1) * data.length) / b);
      };
      return { features: part('features'), scores: part('scores'), fine: part('fine'), coarse: part('coarse') };
    });
  }

  refine(sight: Sight, reference: Reference, boxes: Float32Array, step?: number): Promise<Refined> {
    return this.refiner.refine(sight, reference, boxes, step);
  }

  async release(): Promise<void> {
    await Promise.all([this.refiner, ...Object.values(this.graphs)].map((open) => open.release()));
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const result = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

function poolingFeeds(name: string, box: Box, bins: number, axis: MapAxis): Record<string, FloatTensor> {
  const { x, y } = poolingMatrices(centred(box), bins, axis);
  const dims = [bins, axis.cells];
  return { [`${name}_x`]: { data: x, dims }, [`${name}_y`]: { data: y, dims } };
}

/**
 * For the filter's beginning: of each sample, which cells make up which bin of its box, once for each place of a 3 x 3 convolution; and how much of
 * each bin lies inside the map. Both divided by the number of samples.
 */
export function firstPooling(boxes: readonly Box[], axis: MapAxis): { pooling: Float32Array; coverage: Float32Array } {
  const n = axis.cells;
  const cells = n * n;
  const pooling = new Float32Array(boxes.length * TAPS * FILTER * cells);
  const coverage = new Float32Array(FILTER);
  for (const [sample, box] of boxes.entries()) {
    const { x, y } = poolingMatrices(centred(box), FILTER_SIDE, axis);
    for (let bin = 0; bin < FILTER; bin++) {
      const rows = y.subarray(Math.floor(bin / FILTER_SIDE) * n, (Math.floor(bin / FILTER_SIDE) + 1) * n);
      const columns = x.subarray((bin % FILTER_SIDE) * n, ((bin % FILTER_SIDE) + 1) * n);
      for (let i = 0; i < n; i++) {
        if (rows[i] === 0) continue;
        for (let j = 0; j < n; j++) {
          const value = (rows[i]! * columns[j]!) / boxes.length;
          if (value === 0) continue;
          coverage[bin]! += value;
          for (let tap = 0; tap < TAPS; tap++) {
            const [row, column] = [i + Math.floor(tap / 3) - 1, j + (tap % 3) - 1];
            if (row < 0 || row >= n || column < 0 || column >= n) continue;
            pooling[((sample * TAPS + tap) * FILTER + bin) * cells + row * n + column]! += value;
          }
        }
      }
    }
  }
  return { pooling, coverage };
}

function labelFeeds(memory: SampleMemory, labels: readonly Label[], side: number): Record<string, FloatTensor> {
  const { count, weights } = memory;
  const dims = [count, side, side];
  const all = labels.slice(0, count);
  const label = { data: joined(all.map((sample) => sample.label)), dims };
  if (!all[0]!.mask) return { label, share: { data: weights.slice(0, count), dims: [count, 1, 1] } };
  const weighted = all.map(({ weight }, i) => {
    const root = Math.sqrt(weights[i]!);
    return weight!.map((value) => value * root);
  });
  return {
    label,
    mask: { data: joined(all.map(({ mask }) => mask!)), dims },
    weight: { data: joined(weighted), dims },
  };
}
