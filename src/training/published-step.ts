/** One step of a published box head: crops are drawn, the frozen layers look at them, an objective says what their boxes are worth. */
import type * as TF from '@tensorflow/tfjs-core';
import { toCropBoxes } from '../ebm/posterior.js';
import type { Weights } from '../ebm/head.js';
import { concat, logDensity, mixtureAbout, sampleMixture } from '../ebm/proposal.js';
import { cropBox, toRelative, type CropBox } from '../geometry.js';
import type { OnnxModel } from '../platform.js';
import type { Box } from '../published/memory.js';
import type { Random } from '../random.js';
import { gradientsOf } from './gradients.js';
import type { LoopSettings, TrainingRun } from './loop.js';
import { energyLoss, type ObjectiveName } from './objective.js';
import type { CropStore } from './published-crops.js';
import { boxEnergies, modulate, searchMaps, type MapPair } from './published-head.js';
import { pick } from './sampler.js';
import type { StepResult } from './step.js';

export interface PublishedSettings extends LoopSettings {
  readonly objective: ObjectiveName;
  /** Objects a batch, and crops that each is looked for in. */
  readonly objects: number;
  readonly searches: number;
  /** Boxes that are drawn for a crop, about the truth with these deviations, relative. */
  readonly samples: number;
  readonly sigmas: readonly number[];
  /** Crops are as much brighter or darker at most, a share. */
  readonly brightness: number;
}

/** Batch of one step: T objects, each in its template, and R crops that they are searched in. */
export interface PublishedBatch {
  /** layer2 and layer3 of the templates and of the searched crops, NHWC. */
  readonly templates: Maps;
  readonly searches: Maps;
  /** Boxes of the templates' objects, crop pixels. */
  readonly boxes: readonly CropBox[];
  /** Which template shows the object of each searched crop [R]. */
  readonly templateOf: readonly number[];
  readonly truths: readonly CropBox[];
  /** Boxes that refinement would begin with; relative boxes are relative to them. */
  readonly bases: readonly CropBox[];
}

interface Maps {
  readonly fine: Float32Array;
  readonly coarse: Float32Array;
}

export interface PublishedSource {
  readonly tf: typeof TF;
  readonly crops: CropStore;
  /** See compileTaps. */
  readonly taps: OnnxModel;
  /** Statistics of the batch norms. */
  readonly frozen: Weights;
  readonly settings: PublishedSettings;
}

export function publishedStep({ tf, crops, taps, frozen, settings }: PublishedSource): TrainingRun['step'] {
  const draw = createDraw(crops, taps, settings);
  return async (weights, random) => {
    const start = performance.now();
    const batch = await draw(random);
    const loaded = performance.now();
    const result = learnFrom(tf, weights, frozen, batch, settings, random);
    return { ...result, load: loaded - start, compute: performance.now() - loaded };
  };
}

function createDraw(crops: CropStore, taps: OnnxModel, settings: PublishedSettings) {
  const objects = crops.byObject();
  const { size } = crops;
  const look = async (index: number, flip: boolean, random: Random): Promise<Maps> => {
    const pixels = crops.read(index);
    const gain = 1 + settings.brightness * (2 * random.uniform() - 1);
    for (let i = 0; i < pixels.length; i++) pixels[i] = Math.min(255, pixels[i]! * gain);
    if (flip) for (let at = 0; at < pixels.length; at += size) pixels.subarray(at, at + size).reverse();
    const out = await taps.run({ image: { data: pixels, dims: [1, 3, size, size] } });
    return { fine: out['layer2']!.data, coarse: out['layer3']!.data };
  };
  return async (random: Random): Promise<PublishedBatch> => {
    const [templates, searches]: [Maps[], Maps[]] = [[], []];
    const batch = { boxes: [], templateOf: [], truths: [], bases: [] } as {
      [name in 'boxes' | 'truths' | 'bases']: CropBox[];
    } & { templateOf: number[] };
    for (let t = 0; t < settings.objects; t++) {
      const object = pick(objects, random);
      const flip = random.uniform() < 0.5;
      const own = (box: Box): CropBox => centred(flip ? [size - box[0] - box[2], box[1], box[2], box[3]] : box);
      const template = pick(object.templates, random);
      templates.push(await look(template, flip, random));
      batch.boxes.push(own(crops.entries[template]!.box));
      for (let s = 0; s < settings.searches; s++) {
        const search = pick(object.searches, random);
        searches.push(await look(search, flip, random));
        batch.templateOf.push(t);
        batch.truths.push(own(crops.entries[search]!.box));
        batch.bases.push(own(crops.entries[search]!.base));
      }
    }
    return { ...batch, templates: joined(templates), searches: joined(searches) };
  };
}

const centred = ([x, y, w, h]: Box): CropBox => cropBox(x + w / 2, y + h / 2, w, h);
const flat = (boxes: readonly CropBox[]): Float32Array =>
  Float32Array.from(boxes.flatMap(({ cx, cy, w, h }) => [cx, cy, w, h]));
const joined = (maps: readonly Maps[]): Maps => ({
  fine: concat(maps.map(({ fine }) => fine)),
  coarse: concat(maps.map(({ coarse }) => coarse)),
});

/** @param frozen of the weights under the checkpoint's names, those that are not learned */
export function learnFrom(
  tf: typeof TF,
  weights: Weights,
  frozen: Weights,
  batch: PublishedBatch,
  settings: Pick<PublishedSettings, 'objective' | 'samples' | 'sigmas'>,
  random: Random,
): StepResult {
  const { bases, templateOf } = batch;
  const truths = batch.truths.map((truth, r) => Float32Array.from(toRelative(truth, bases[r]!)));
  const proposals = truths.map((truth) => mixtureAbout(truth, settings.sigmas));
  const tensorsOf = (set: Weights): Record<string, TF.Tensor> =>
    Object.fromEntries(Object.entries(set).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]));
  let energyTerm = 0;
  const loss = (learnt: Record<string, TF.Tensor>): TF.Scalar => {
    const W = { ...tensorsOf(frozen), ...learnt };
    const ofTemplates = modulate(tf, W, mapTensors(tf, batch.templates, batch.boxes.length, W), flat(batch.boxes));
    const maps = searchMaps(tf, W, mapTensors(tf, batch.searches, bases.length, W));
    const choice = tf.tensor2d(templateOf.map((own) => batch.boxes.map((_, t) => (t === own ? 1 : 0))));
    const factors = (of: TF.Tensor2D): TF.Tensor2D => tf.matMul(choice, of);
    const modulation = { fine: factors(ofTemplates.fine), coarse: factors(ofTemplates.coarse) };
    const { loss: value } = energyLoss(settings.objective, {
      tf,
      random,
      truths,
      count: settings.samples,
      sample: (r, count) => sampleMixture(proposals[r]!, count, random),
      logProposal: (r, y) => logDensity(proposals[r]!, y),
      energies: (y) => boxEnergies(tf, W, maps, modulation, concat(y.map((rows, r) => toCropBoxes(rows, bases[r]!)))),
    });
    energyTerm = value.dataSync()[0]!;
    return value;
  };
  const gradients = gradientsOf(tf, weights, loss);
  return { gradients, energyLoss: energyTerm, proposalLoss: 0, absentLoss: 0, pairs: bases.length };
}

function mapTensors(tf: typeof TF, { fine, coarse }: Maps, count: number, W: Record<string, TF.Tensor>): MapPair {
  const map = (data: Float32Array, channels: number): TF.Tensor4D => {
    const cells = Math.sqrt(data.length / count / channels);
    return tf.tensor4d(data, [count, cells, cells, channels]);
  };
  return {
    fine: map(fine, W['bb_regressor.conv3_1t.0.weight']!.shape[1]!),
    coarse: map(coarse, W['bb_regressor.conv4_1t.0.weight']!.shape[1]!),
  };
}
