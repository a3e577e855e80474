/**
 * One training step: loss and gradients of a batch of crops.
 *
 * Energy: an objective (objective.ts) over samples of the training proposal, a share of the learned one and a fixed mixture about the truth.
 * Proposal: likelihood of the truth, divergence from the energy's density, or both. Both networks at once (Gustafsson et al. 2022).
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
import { mixtureLikelihood, mixtureLogDensity, type MixtureTensors } from '../ebm/objectives/mixture-likelihood.js';
import { proposalCrossEntropy } from '../ebm/objectives/proposal-divergence.js';
import { proposalMixture } from '../ebm/objectives/proposal-likelihood.js';
import { toCropBoxes } from '../ebm/posterior.js';
import {
  cellPlaces,
  concat,
  decodeProposal,
  DIMENSIONS,
  logDensity,
  logSumExp,
  mixtureAbout,
  sampleMixture,
} from '../ebm/proposal.js';
import { TrackerError } from '../errors.js';
import { cropBox, toRelative, type CropBox } from '../geometry.js';
import type { Random } from '../random.js';
import type { Bank } from './bank.js';
import { runLearnedStages, type LearnedStages } from './learned-stages.js';
import { energyLoss, type EnergyLoss, type ObjectiveName, type ProposalObjective } from './objective.js';

export interface StepSettings {
  readonly groupSize: number;
  readonly objective: ObjectiveName;
  /** Half of the boxes that are drawn for a pair. */
  readonly samples: number;
  /** Share of them, and of the training proposal's mass, that comes from the learned proposal; the rest is drawn about the truth. */
  readonly learnedShare: number;
  readonly fixedSigmas: readonly number[];
  readonly proposalObjective: ProposalObjective;
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
  /** Where stages of the backbone are learned, the base map that both are made from. */
  readonly fine: Float32Array;
  readonly coarse?: Float32Array;
  /** Factors of the maps' channels [B, C]: channel dropout. */
  readonly gains: { readonly fine: Float32Array; readonly coarse: Float32Array };
  /** True boxes [B, 4] and sizes of the last box [B, 2], crop pixels. */
  readonly boxes: Float32Array;
  readonly last: Float32Array;
}

/** @param stages of the backbone that are learned: they make the maps */
export function loadBatch(
  bank: Bank,
  indices: readonly number[],
  dropout: number,
  random: Random,
  stages: LearnedStages | undefined,
): Batch {
  const gains = (channels: number): Float32Array =>
    Float32Array.from({ length: indices.length * channels }, () =>
      random.uniform() < dropout ? 0 : 1 / (1 - dropout),
    );
  const entries = indices.map((index) => bank.entries[index]!);
  return {
    fine: bank.read('fine', indices),
    ...(stages ? {} : { coarse: bank.read('coarse', indices) }),
    gains: {
      fine: gains(stages?.fineDeviation.length ?? bank.header.fine.channels),
      coarse: gains(bank.header.coarse.channels),
    },
    boxes: Float32Array.from(entries.flatMap(({ box }) => [...box])),
    last: Float32Array.from(entries.flatMap(({ last }) => [...last])),
  };
}

export function trainingStep(
  tf: typeof TF,
  weights: Weights,
  geometry: MapGeometry,
  batch: Batch,
  settings: StepSettings,
  random: Random,
  stages?: LearnedStages,
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
  let lastEnergyLoss = 0;
  let lastProposalLoss = 0;

  const loss = (...tensors: TF.Tensor[]): TF.Scalar => {
    const W = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
    const { fine: f, coarse: c } = geometry;
    const mapOf = (data: Float32Array, channels: number): TF.Tensor4D => {
      const cells = Math.sqrt(data.length / crops / channels);
      return tf.tensor4d(data, [crops, cells, cells, channels]);
    };
    const dropped = (map: TF.Tensor4D, gains: Float32Array): TF.Tensor4D =>
      tf.mul(map, tf.tensor4d(gains, [crops, 1, 1, gains.length / crops]));
    const base = mapOf(batch.fine, stages?.baseChannels ?? batch.gains.fine.length / crops);
    const { fine, coarse } = stages
      ? runLearnedStages(tf, W, stages, base)
      : { fine: base, coarse: mapOf(batch.coarse!, batch.gains.coarse.length / crops) };
    const maps = embed(tf, W, dropped(fine, batch.gains.fine), dropped(coarse, batch.gains.coarse));

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
    const bases = Array.from(searchOf, (crop) => baseOf(geometry, batch, crop));
    const truths = bases.map((base, pair) => truthOf(batch, searchOf[pair]!, base));
    const proposals = trainingProposals(raw.dataSync() as Float32Array, geometry, bases, truths, settings, random);
    const shaped = (bins: TF.Tensor3D, count: number): TF.Tensor3D => tf.reshape(bins, [pairs, count, bins.shape[2]]);
    const { loss: energyTerm, drawn } = energyLoss(settings.objective, {
      tf,
      random,
      truths,
      count: 2 * settings.samples,
      sample: (r, count) => proposals[r]!.sample(count),
      logProposal: (r, y) => proposals[r]!.logDensity(y),
      energies: (y) => {
        const boxes = concat(y.map((row, pair) => toCropBoxes(row, bases[pair]!)));
        const count = y[0]!.length / DIMENSIONS;
        const fineBins = pool(tf, maps.fine, poolingTensors(tf, boxes, crops, FINE_BINS, f));
        const coarseBins = pool(tf, maps.coarse, poolingTensors(tf, boxes, crops, COARSE_BINS, c));
        return energy(tf, W, template, shaped(fineBins, count), shaped(coarseBins, count));
      },
    });

    const places = concat(bases.map((base) => cellPlaces(c, base)));
    const mixture = proposalMixture(tf, raw, tf.tensor3d(places, [pairs, places.length / pairs / 2, 2]));
    const proposalTerm = proposalLoss(tf, mixture, truths, drawn, settings.proposalObjective);

    lastEnergyLoss = energyTerm.dataSync()[0]!;
    lastProposalLoss = proposalTerm.dataSync()[0]!;
    return tf.add(energyTerm, tf.mul(proposalTerm, settings.proposalWeight));
  };

  const gradients: Record<string, Float32Array> = {};
  // Nothing leaves through tidy's result: it would walk through every number of the arrays in search of tensors.
  tf.tidy(() => {
    const inputs = names.map((name) => tf.tensor(weights[name]!.data, [...weights[name]!.shape]));
    const { grads } = tf.valueAndGrads(loss)(inputs);
    names.forEach((name, i) => (gradients[name] = grads[i]!.dataSync() as Float32Array));
  });
  return { gradients, energyLoss: lastEnergyLoss, proposalLoss: lastProposalLoss, pairs };
}

/** The base of y space: the last box, which the crop is made about. */
function baseOf(geometry: MapGeometry, batch: Batch, crop: number) {
  const middle = geometry.cropSize / 2;
  return cropBox(middle, middle, batch.last[2 * crop]!, batch.last[2 * crop + 1]!);
}

function truthOf(batch: Batch, crop: number, base: CropBox): Float32Array {
  const [cx, cy, w, h] = batch.boxes.subarray(4 * crop, 4 * crop + 4) as unknown as [number, number, number, number];
  return Float32Array.from(toRelative(cropBox(cx, cy, w, h), base));
}

interface TrainingProposal {
  readonly sample: (count: number) => Float32Array;
  readonly logDensity: (y: Float32Array) => Float32Array;
}

/** What boxes of each pair are drawn from: a share of the learned proposal, the rest a mixture about the truth. */
function trainingProposals(
  raw: Float32Array,
  geometry: MapGeometry,
  bases: readonly CropBox[],
  truths: readonly Float32Array[],
  { learnedShare, fixedSigmas }: StepSettings,
  random: Random,
): TrainingProposal[] {
  const size = geometry.coarse.cells ** 2 * PROPOSAL_OUTPUTS;
  return bases.map((base, pair) => {
    const learned = decodeProposal(raw.subarray(pair * size, (pair + 1) * size), cellPlaces(geometry.coarse, base));
    const fixed = mixtureAbout(truths[pair]!, fixedSigmas);
    return {
      sample: (count) => {
        const fromLearned = Math.round(learnedShare * count);
        return concat([sampleMixture(learned, fromLearned, random), sampleMixture(fixed, count - fromLearned, random)]);
      },
      logDensity: (y) => {
        const a = logDensity(learned, y);
        const b = logDensity(fixed, y);
        return a.map((value, i) => logSumExp([value + Math.log(learnedShare), b[i]! + Math.log(1 - learnedShare)]));
      },
    };
  });
}

function proposalLoss(
  tf: typeof TF,
  mixture: MixtureTensors,
  truths: readonly Float32Array[],
  drawn: EnergyLoss['drawn'],
  kind: ProposalObjective,
): TF.Scalar {
  const likelihood = (): TF.Scalar =>
    mixtureLikelihood(tf, mixture, tf.tensor2d(concat(truths), [truths.length, DIMENSIONS]));
  if (kind === 'likelihood') return likelihood();
  if (!drawn)
    throw new TrackerError('OPTION_INVALID', `proposal objective "${kind}" with an objective that draws no boxes`, {
      hint: 'use --proposal-objective likelihood, or one of: nce+, nce, ml-is, kld-is',
    });
  const y = tf.tensor3d(concat(drawn.y), [truths.length, drawn.y[0]!.length / DIMENSIONS, DIMENSIONS]);
  const logProposal = mixtureLogDensity(tf, mixture, y);
  const divergence = proposalCrossEntropy(tf, drawn.energies, drawn.logSampled, logProposal);
  return kind === 'divergence' ? divergence : tf.mul(tf.add(divergence, likelihood()), 0.5);
}
