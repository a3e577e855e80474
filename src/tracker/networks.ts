/**
 * From the pixels of a search region to all that the networks make of it: embedded maps, the target model's scores, the raw proposal. One graph
 * of backbone, head and target model where onnxruntime computes all of them on the CPU, since between two graphs maps of millions of numbers
 * are copied and threads go to sleep; else one network after the other.
 */
import { compileHead } from '../ebm/engines/compile.js';
import {
  BINS,
  correlationKernel,
  type Embedding,
  type HeadEngine,
  type HeadModel,
  type Template,
} from '../ebm/head.js';
import {
  channelFactors,
  openBackbone,
  splitFeatures,
  type Backbone,
  type FeatureMap,
  type Features,
} from '../features/backbone.js';
import type { BackboneEntry } from '../features/manifest.js';
import { GraphBuilder, joinModels } from '../io/onnx-graph.js';
import type { FloatTensor, OnnxModel, OpenModel } from '../platform.js';
import { respond, TARGET_CHANNELS, TARGET_SIZE, type RawResponse, type TargetModel } from '../target/classifier.js';
import { compileTarget } from '../target/compile.js';
import type { Stopwatch } from './stopwatch.js';

/** Output of the networks for a crop of the first frame. */
export interface FirstMaps {
  /** The backbone's coarse map: the target model chooses its channels by it. */
  readonly coarse: FeatureMap;
  readonly embedding: Embedding;
}

/** Output of the networks for one object in its search region: embedding, scores of the target model, proposal. */
export interface RegionMaps extends RawResponse {
  readonly embedding: Embedding;
  /** The proposal as decodeProposal() takes it. */
  readonly proposal: Float32Array;
}

/** An object that is searched for. */
export interface Wanted {
  readonly template: Template;
  readonly targetModel: Pick<TargetModel, 'inputs'>;
}

/** Crops are as the backbone's entry says: [B, 3, S, S] or [B, S, S, 3]. */
export interface Networks extends Pick<Backbone, 'entry' | 'provider' | 'reasons' | 'release'> {
  /** @param crop B = 1 */
  begin(crop: FloatTensor): Promise<FirstMaps>;
  /** @param crops one for each of the wanted */
  search(crops: FloatTensor, wanted: readonly Wanted[]): Promise<readonly RegionMaps[]>;
}

/**
 * One graph where the backbone's bytes are given and it can be had, else the networks one after the other.
 * @param respondGraph the target model's graph `respond`; the caller's own
 * @param joined the backbone's file
 * @throws TrackerError MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE
 */
export async function openNetworks(
  entry: BackboneEntry,
  model: HeadModel,
  engine: HeadEngine,
  respondGraph: OnnxModel,
  joined: Uint8Array | undefined,
  open: OpenModel,
  stopwatch: Stopwatch,
): Promise<Networks> {
  const stepwise = (): Promise<Networks> => openStepwise(entry, engine, respondGraph, open, stopwatch);
  const bytes = joined && joinGraphs(joined, entry, model);
  if (!bytes) return stepwise();
  try {
    return await openJoined(entry, model, bytes, open, stopwatch);
  } catch (error) {
    // where it is the backbone's fault, this says which
    await (await stepwise()).release();
    throw error;
  }
}

/** Names of the joined graph's inputs and outputs: those of its parts, each behind the name of the part. */
const EMBEDDED = ['embed/fine_map', 'embed/coarse_map'] as const;
const FIRST_OUTPUTS = ['maps/coarse', ...EMBEDDED];
const SEARCH_OUTPUTS = ['respond/scores', 'respond/reduced', 'propose/raw', ...EMBEDDED];

function joinGraphs(backbone: Uint8Array, entry: BackboneEntry, model: HeadModel): Uint8Array | undefined {
  const wires = { a: entry.fine.output, b: entry.coarse.output };
  return joinModels(backbone, [
    { prefix: 'maps', bytes: normaliseMaps(entry, model), wires },
    { prefix: 'embed', bytes: compileHead(model, 'embed'), wires: { fine: 'maps/fine', coarse: 'maps/coarse' } },
    { prefix: 'respond', bytes: compileTarget(model, 'respond'), wires: { coarse: 'maps/coarse' } },
    { prefix: 'propose', bytes: compileHead(model, 'propose'), wires: { coarse_map: 'embed/coarse_map' } },
  ]);
}

/** The backbone's maps a and b, each channel divided by its deviation. */
function normaliseMaps({ fine, coarse }: BackboneEntry, { geometry }: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  for (const [input, output, spec, { cells }] of [
    ['a', 'fine', fine, geometry.fine],
    ['b', 'coarse', coarse, geometry.coarse],
  ] as const) {
    const dims = [1, spec.channels, cells, cells];
    const factors = g.constant({ data: channelFactors(spec), dims: [1, spec.channels, 1, 1] });
    g.output(output, g.op('Mul', [g.input(input, dims), factors]), dims);
  }
  return g.toBytes();
}

async function openJoined(
  entry: BackboneEntry,
  model: HeadModel,
  bytes: Uint8Array,
  open: OpenModel,
  stopwatch: Stopwatch,
): Promise<Networks> {
  const graph = await open(bytes);
  const { cells, stride, offset } = model.geometry.coarse;
  const { channels } = entry.coarse;
  const zeros = (...dims: number[]): FloatTensor => ({ data: new Float32Array(dims.reduce((a, b) => a * b)), dims });
  const kernelDims = [BINS.coarse * BINS.coarse, model.config.coarse];
  // on the first frame there is no object yet that could be searched for
  const nobody = {
    'respond/basis': zeros(TARGET_CHANNELS, channels),
    'respond/mean': zeros(channels, 1),
    'respond/filter': zeros(TARGET_SIZE, 1),
    'propose/kernel': zeros(...kernelDims),
  };
  const embedded = (out: Readonly<Record<string, FloatTensor>>): Embedding => {
    const [fine, coarse] = EMBEDDED.map((name) => out[name]!.data);
    return { fine: fine!, coarse: coarse! };
  };
  return {
    entry,
    provider: graph.provider,
    reasons: graph.reasons,
    async begin(crop) {
      const out = await graph.run({ [entry.input.name]: crop, ...nobody }, FIRST_OUTPUTS);
      const { data } = out['maps/coarse']!;
      const coarse = { data, batch: 1, channels, height: cells, width: cells, stride, offset };
      return { coarse, embedding: embedded(out) };
    },
    async search({ data, dims }, wanted) {
      const size = data.length / wanted.length;
      const found: RegionMaps[] = [];
      for (const [index, { template, targetModel }] of wanted.entries()) {
        const crop = { data: data.subarray(index * size, (index + 1) * size), dims: [1, ...dims.slice(1)] };
        const { basis, mean, filter } = targetModel.inputs;
        const own = {
          'respond/basis': basis,
          'respond/mean': mean,
          'respond/filter': filter,
          'propose/kernel': { data: correlationKernel(template), dims: kernelDims },
        };
        const feeds = { [entry.input.name]: crop, ...own };
        const out = await stopwatch.time('networks', () => graph.run(feeds, SEARCH_OUTPUTS));
        const response = { scores: out['respond/scores']!.data, reduced: out['respond/reduced']!.data };
        found.push({ embedding: embedded(out), ...response, proposal: out['propose/raw']!.data });
      }
      return found;
    },
    release: () => graph.release(),
  };
}

/** The backbone with all crops in one run, then for each crop one network after the other. */
async function openStepwise(
  entry: BackboneEntry,
  engine: HeadEngine,
  respondGraph: OnnxModel,
  open: OpenModel,
  stopwatch: Stopwatch,
): Promise<Networks> {
  const backbone = await openBackbone(entry, open);
  const embed = ({ fine, coarse }: Features): Promise<Embedding> => engine.embed(fine.data, coarse.data);
  return {
    entry,
    provider: backbone.provider,
    reasons: backbone.reasons,
    async begin(crop) {
      const features = await backbone.extract(crop);
      return { coarse: features.coarse, embedding: await embed(features) };
    },
    async search(crops, wanted) {
      const maps = await stopwatch.time('backbone', () => backbone.extract(crops));
      const found: RegionMaps[] = [];
      for (const [index, features] of splitFeatures(maps).entries()) {
        const { template, targetModel } = wanted[index]!;
        const embedding = await stopwatch.time('embed', () => embed(features));
        const response = await stopwatch.time('target', () =>
          respond(respondGraph, features.coarse, targetModel.inputs),
        );
        const proposal = await stopwatch.time('propose', () => engine.propose(embedding, template));
        found.push({ embedding, ...response, proposal });
      }
      return found;
    },
    release: () => backbone.release(),
  };
}
