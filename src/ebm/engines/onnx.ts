/** The head compiled to ONNX graphs (compile.ts): what tracking runs on. */
import { poolingGradient, poolingMatrices } from '../../features/roi-pool.js';
import { openOnnxModel, type FloatTensor, type OnnxModel, type OnnxOptions } from '../../runtime/onnx.js';
import {
  COARSE_BINS,
  correlationKernel,
  DENSE_WEIGHTS,
  FINE_BINS,
  type Embedding,
  type HeadEngine,
  type Template,
} from '../head.js';
import type { HeadGraphName, LoadedHead } from '../load.js';

/** @throws TrackerError MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE */
export async function createOnnxEngine(
  head: Pick<LoadedHead, 'model'> & { graph(name: HeadGraphName): Promise<Uint8Array> },
  options: OnnxOptions,
): Promise<HeadEngine> {
  const { model } = head;
  const { config, geometry } = model;
  const { fine: f, coarse: c } = geometry;
  const open = async (name: 'embed' | 'propose' | 'energy' | 'gradient'): Promise<OnnxModel> =>
    openOnnxModel(await head.graph(name), options);
  const [embedGraph, proposeGraph, energyGraph] = await Promise.all([open('embed'), open('propose'), open('energy')]);
  // opened at its first use: sampling alone needs no gradient
  let gradientGraph: Promise<OnnxModel> | undefined;

  const scoringInputs = (
    embedding: Embedding,
    template: Template,
    boxes: Float32Array,
  ): Record<string, FloatTensor> => {
    const count = boxes.length / 4;
    const fine = poolingMatrices(boxes, FINE_BINS, f);
    const coarse = poolingMatrices(boxes, COARSE_BINS, c);
    return {
      fine_map: { data: embedding.fine, dims: [f.cells, f.cells, config.fine] },
      coarse_map: { data: embedding.coarse, dims: [c.cells, c.cells, config.coarse] },
      fine_x: { data: fine.x, dims: [count, FINE_BINS, f.cells] },
      fine_y: { data: fine.y, dims: [count, FINE_BINS, f.cells] },
      coarse_x: { data: coarse.x, dims: [count, COARSE_BINS, c.cells] },
      coarse_y: { data: coarse.y, dims: [count, COARSE_BINS, c.cells] },
      template_fine: { data: template.fineBins, dims: [template.fineBins.length] },
      template_coarse: { data: template.coarseBins, dims: [template.coarseBins.length] },
      modulation: { data: template.modulation, dims: [template.modulation.length] },
      ...Object.fromEntries(
        DENSE_WEIGHTS.map((name) => [name, { data: template.dense[name]!.data, dims: template.dense[name]!.shape }]),
      ),
    };
  };

  return {
    model,
    name: `onnx (${embedGraph.provider})`,

    async embed(fine, coarse) {
      const maps = await embedGraph.run({
        fine: { data: fine, dims: [1, config.fineIn, f.cells, f.cells] },
        coarse: { data: coarse, dims: [1, config.coarseIn, c.cells, c.cells] },
      });
      return { fine: maps['fine_map']!.data, coarse: maps['coarse_map']!.data };
    },

    async propose(embedding, template) {
      const kernel = correlationKernel(template);
      const { raw } = await proposeGraph.run({
        coarse_map: { data: embedding.coarse, dims: [c.cells, c.cells, config.coarse] },
        kernel: { data: kernel, dims: [COARSE_BINS * COARSE_BINS, config.coarse] },
      });
      return raw!.data;
    },

    async energy(embedding, template, boxes) {
      const { energy } = await energyGraph.run(scoringInputs(embedding, template, boxes));
      return energy!.data;
    },

    async energyAndGradient(embedding, template, boxes) {
      gradientGraph ??= open('gradient');
      const out = await (await gradientGraph).run(scoringInputs(embedding, template, boxes));
      const fine = poolingGradient(boxes, FINE_BINS, f, { x: out['d_fine_x']!.data, y: out['d_fine_y']!.data });
      const coarse = poolingGradient(boxes, COARSE_BINS, c, { x: out['d_coarse_x']!.data, y: out['d_coarse_y']!.data });
      return { energy: out['energy']!.data, gradient: fine.map((value, i) => value + coarse[i]!) };
    },

    async release() {
      const graphs = [embedGraph, proposeGraph, energyGraph, ...(gradientGraph ? [await gradientGraph] : [])];
      await Promise.all(graphs.map((graph) => graph.release()));
    },
  };
}
