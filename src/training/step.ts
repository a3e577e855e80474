/**
 * One training step: loss and gradients of a batch of crops.
 *
 * Energy: NCE(+) over samples of the learned proposal and of a fixed mixture about the truth, q = half and half. Proposal: likelihood of
 * the truth. Both at once (Gustafsson et al. 2022, joint training, with the likelihood in the place of the KL divergence).
 */
import type * as TF from '@tensorflow/tfjs-core';
import {
  correlationKernels,
  embed,
  energy,
  makeTemplates,
  pool,
  poolingTensors,
  propose,
} from '../ebm/engines/tfjs.js';
import { COARSE_BINS, FINE_BINS, PROPOSAL_OUTPUTS, type MapGeometry, type Weights } from '../ebm/head.js';
import { nce } from '../ebm/objectives/nce.js';
import { proposalLikelihood } from '../ebm/objectives/proposal-likelihood.js';
import { toCropBoxes } from '../ebm/posterior.js';
import { cellPlaces, decodeProposal, DIMENSIONS, logDensity, mixtureAbout, sampleMixture } from '../ebm/proposal.js';
import { cropBox, toRelative } from '../geometry.js';
import type { Random } from '../random.js';
import type { Bank } from './bank.js';

export interface StepSettings {
  readonly groupSize: number;
  /** Samples of the learned proposal and of the fixed mixture, each. */
  readonly samples: number;
  readonly fixedSigmas: readonly number[];
  /** Deviation of the noise on the real box: NCE+. */
  readonly labelNoise: number;
  readonly proposalWeight: number;
  /** Share of the backbone's channels dropped, a crop. */
  readonly channelDropout: number;
}

export interface StepResult {
  readonly gradients: Record<string, Float32Array>;
  readonly energyLoss: number;
  readonly proposalLoss: number;
  readonly pairs: number;
}

/** Maps and boxes of B crops; crops of one object lie side by side, groupSize of them. */
export interface Batch {
  readonly fine: Float32Array;
  readonly coarse: Float32Array;
  /** True boxes [B, 4] and sizes of the last box [B, 2], crop pixels. */
  readonly boxes: Float32Array;
  readonly last: Float32Array;
}

export function loadBatch(bank: Bank, indices: readonly number[], dropout: number, random: Random): Batch {
  const gains = (channels: number): Float32Array =>
    Float32Array.from({ length: indices.length * channels }, () =>
      random.uniform() < dropout ? 0 : 1 / (1 - dropout),
    );
  const { fine, coarse } = bank.header;
  const maps = bank.read(indices, { fine: gains(fine.channels), coarse: gains(coarse.channels) });
  const entries = indices.map((index) => bank.entries[index]!);
  return {
    ...maps,
    boxes: Float32Array.from(entries.flatMap(({ box }) => [...box])),
    last: Float32Array.from(entries.flatMap(({ last }) => [...last])),
  };
}

/** Candidates of one pair: y_0 is the real box, then learned, then fixed samples. */
interface Candidates {
  /** Crop pixels, [1 + 2 M, 4]. */
  readonly boxes: Float32Array;
  readonly logProposal: Float32Array;
  readonly truth: Float32Array;
}

export function trainingStep(
  tf: typeof TF,
  weights: Weights,
  geometry: MapGeometry,
  batch: Batch,
  settings: StepSettings,
  random: Random,
): StepResult {
  const crops = batch.boxes.length / 4;
  const { groupSize } = settings;
  const templatesPerCrop = groupSize - 1;
  const pairs = crops * templatesPerCrop;
  // Pair p searches crop floor(p / (K - 1)) with the template of another crop of its group.
  const searchOf = Int32Array.from({ length: pairs }, (_, p) => Math.floor(p / templatesPerCrop));
  const templateOf = searchOf.map((search, p) => {
    const start = search - (search % groupSize);
    return start + ((search + 1 + (p % templatesPerCrop)) % groupSize);
  });
  const names = Object.keys(weights);
  let energyLoss = 0;
  let proposalLoss = 0;

  const loss = (...tensors: TF.Tensor[]): TF.Scalar => {
    const W = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
    const { fine: f, coarse: c } = geometry;
    const fineMap = tf.tensor4d(batch.fine, [crops, f.cells, f.cells, batch.fine.length / crops / f.cells ** 2]);
    const coarseMap = tf.tensor4d(batch.coarse, [crops, c.cells, c.cells, batch.coarse.length / crops / c.cells ** 2]);
    const maps = embed(tf, W, fineMap, coarseMap);

    const flat = (bins: TF.Tensor3D): TF.Tensor2D => tf.squeeze(bins, [1]);
    const own = makeTemplates(
      tf,
      W,
      flat(pool(tf, maps.fine, poolingTensors(tf, batch.boxes, crops, FINE_BINS, f))),
      flat(pool(tf, maps.coarse, poolingTensors(tf, batch.boxes, crops, COARSE_BINS, c))),
      flat(pool(tf, maps.fine, poolingTensors(tf, batch.boxes, crops, COARSE_BINS, f))),
    );
    const chosen = tf.tensor1d(templateOf, 'int32');
    const template = {
      fineBins: tf.gather(own.fineBins, chosen),
      coarseBins: tf.gather(own.coarseBins, chosen),
      modulation: tf.gather(own.modulation, chosen),
    };

    const searched = tf.gather(maps.coarse, tf.tensor1d(searchOf, 'int32'));
    const raw = propose(tf, W, searched, correlationKernels(tf, template.coarseBins));
    const candidates = drawCandidates(raw.dataSync() as Float32Array, geometry, batch, searchOf, settings, random);
    const count = 1 + 2 * settings.samples;

    const boxes = concat(candidates.map((candidate) => candidate.boxes));
    const shaped = (bins: TF.Tensor3D): TF.Tensor3D => tf.reshape(bins, [pairs, count, bins.shape[2]]);
    const fineBins = shaped(pool(tf, maps.fine, poolingTensors(tf, boxes, crops, FINE_BINS, f)));
    const coarseBins = shaped(pool(tf, maps.coarse, poolingTensors(tf, boxes, crops, COARSE_BINS, c)));
    const energies = energy(tf, W, template, fineBins, coarseBins);
    const logProposal = tf.tensor2d(concat(candidates.map((candidate) => candidate.logProposal)), [pairs, count]);
    const energyTerm = nce(tf, energies, logProposal);

    const places = concat([...searchOf].map((crop) => placesOf(geometry, batch, crop)));
    const truth = tf.tensor2d(concat(candidates.map((candidate) => candidate.truth)), [pairs, DIMENSIONS]);
    const proposalTerm = proposalLikelihood(tf, raw, tf.tensor3d(places, [pairs, places.length / pairs / 2, 2]), truth);

    energyLoss = energyTerm.dataSync()[0]!;
    proposalLoss = proposalTerm.dataSync()[0]!;
    return tf.add(energyTerm, tf.mul(proposalTerm, settings.proposalWeight));
  };

  const gradients: Record<string, Float32Array> = {};
  // Nothing leaves through tidy's result: it would walk through every number of the arrays in search of tensors.
  tf.tidy(() => {
    const inputs = names.map((name) => tf.tensor(weights[name]!.data, [...weights[name]!.shape]));
    const { grads } = tf.valueAndGrads(loss)(inputs);
    names.forEach((name, i) => (gradients[name] = grads[i]!.dataSync() as Float32Array));
  });
  return { gradients, energyLoss, proposalLoss, pairs };
}

/** The base of y space: the last box, which the crop is made about. */
function baseOf(geometry: MapGeometry, batch: Batch, crop: number) {
  const middle = geometry.cropSize / 2;
  return cropBox(middle, middle, batch.last[2 * crop]!, batch.last[2 * crop + 1]!);
}

function placesOf(geometry: MapGeometry, batch: Batch, crop: number): Float32Array {
  return cellPlaces(geometry.coarse, baseOf(geometry, batch, crop));
}

function drawCandidates(
  raw: Float32Array,
  geometry: MapGeometry,
  batch: Batch,
  searchOf: Int32Array,
  settings: StepSettings,
  random: Random,
): Candidates[] {
  const size = geometry.coarse.cells ** 2 * PROPOSAL_OUTPUTS;
  const { samples } = settings;
  return Array.from(searchOf, (crop, pair) => {
    const base = baseOf(geometry, batch, crop);
    const [cx, cy, w, h] = batch.boxes.subarray(4 * crop, 4 * crop + 4) as unknown as [number, number, number, number];
    const truth = Float32Array.from(toRelative(cropBox(cx, cy, w, h), base));
    const learned = decodeProposal(raw.subarray(pair * size, (pair + 1) * size), placesOf(geometry, batch, crop));
    const fixed = mixtureAbout(truth, settings.fixedSigmas);
    const y = concat([
      truth.map((value) => value + settings.labelNoise * random.normal()),
      sampleMixture(learned, samples, random),
      sampleMixture(fixed, samples, random),
    ]);
    const fromLearned = logDensity(learned, y);
    const fromFixed = logDensity(fixed, y);
    const logProposal = fromLearned.map((a, i) => {
      const b = fromFixed[i]!;
      const max = Math.max(a, b);
      return max + Math.log(0.5 * (Math.exp(a - max) + Math.exp(b - max)));
    });
    return { boxes: toCropBoxes(y, base), logProposal, truth };
  });
}

function concat(parts: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
