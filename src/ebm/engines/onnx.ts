/** The head as ONNX graphs (compile.ts): what tracking runs on. */
import { cutWindow, poolingMatrices, touchedWindow } from '../../features/roi-pool.js';
import { fixInputs } from '../../io/onnx-graph.js';
import type { FloatTensor, OnnxModel, OpenModel } from '../../platform.js';
import {
  BINS,
  contextBoxes,
  correlationKernel,
  denseWeights,
  type Embedding,
  type HeadEngine,
  type HeadModel,
  type Template,
} from '../head.js';
import { compileHead, type HeadGraphName } from './compile.js';

/** @throws TrackerError MODEL_INVALID, RUNTIME_UNAVAILABLE */
export async function createOnnxEngine(model: HeadModel, openModel: OpenModel): Promise<HeadEngine> {
  const { config, geometry } = model;
  const { fine: f, coarse: c } = geometry;
  // opened at its first use: a tracker may have embed and propose in another graph
  const opened: Partial<Record<HeadGraphName, Promise<OnnxModel>>> = {};
  const open = (name: HeadGraphName): Promise<OnnxModel> => (opened[name] ??= openModel(graphOf(model, name)));
  const energyGraph = await open('energy');
  return {
    model,
    name: `onnx (${energyGraph.provider})`,

    async embed(fine, coarse) {
      const graph = await open('embed');
      const maps = await graph.run({
        fine: { data: fine, dims: [1, config.fineIn, f.cells, f.cells] },
        coarse: { data: coarse, dims: [1, config.coarseIn, c.cells, c.cells] },
      });
      return { fine: maps['fine_map']!.data, coarse: maps['coarse_map']!.data };
    },

    async propose(embedding, template) {
      const kernel = correlationKernel(template);
      const graph = await open('propose');
      const { raw } = await graph.run({
        coarse_map: { data: embedding.coarse, dims: [c.cells, c.cells, config.coarse] },
        kernel: { data: kernel, dims: [BINS.coarse * BINS.coarse, config.coarse] },
      });
      return raw!.data;
    },

    async energy(embedding, template, boxes) {
      const { energy } = await energyGraph.run(scoringInputs(model, embedding, template, boxes));
      return energy!.data;
    },

    async release() {
      await Promise.all(Object.values(opened).map(async (graph) => (await graph).release()));
    },
  };
}

/** A graph's bytes; the runtime prepares the dense layers once. */
function graphOf(model: HeadModel, name: HeadGraphName): Uint8Array {
  const bytes = compileHead(model, name);
  if (name !== 'energy') return bytes;
  const dense = denseWeights(model.config).map((weight) => {
    const { data, shape } = model.weights[weight]!;
    return [weight, { data, dims: shape }] as const;
  });
  return fixInputs(bytes, Object.fromEntries(dense));
}

/** Inputs of the graph `energy`. */
function scoringInputs(
  model: HeadModel,
  embedding: Embedding,
  template: Template,
  boxes: Float32Array,
): Record<string, FloatTensor> {
  const { config } = model;
  const { recent } = template;
  const row = (data: Float32Array): FloatTensor => ({ data, dims: [data.length] });
  return {
    ...mapInputs(model, 'fine', 'fine', embedding, boxes),
    ...mapInputs(model, 'coarse', 'coarse', embedding, boxes),
    template_fine: row(template.fineBins),
    template_coarse: row(template.coarseBins),
    modulation: row(template.modulation),
    ...(config.recent > 0 && { recent_fine: row(recent.fineBins), recent_coarse: row(recent.coarseBins) }),
    ...(config.context > 0 && mapInputs(model, 'coarse', 'context', embedding, contextBoxes(boxes))),
  };
}

/** Most boxes lie close together: only what they touch of a map is pooled from. */
function mapInputs(
  { config, geometry }: HeadModel,
  map: 'fine' | 'coarse',
  branch: keyof typeof BINS,
  embedding: Embedding,
  boxes: Float32Array,
): Record<string, FloatTensor> {
  const axis = geometry[map];
  const bins = BINS[branch];
  const window = touchedWindow(boxes, axis);
  const { x, y } = poolingMatrices(boxes, bins, axis, window);
  const [width, height, count] = [window.x.count, window.y.count, boxes.length / 4];
  const cut = cutWindow(embedding[map], config[map], axis, window);
  return {
    [`${branch}_map`]: { data: cut, dims: [height, width, config[map]] },
    [`${branch}_x`]: { data: x, dims: [count, bins, width] },
    [`${branch}_y`]: { data: y, dims: [count, bins, height] },
  };
}
