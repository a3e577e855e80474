/**
 * One training step: loss and gradients of a batch of crops.
 *
 * Energy: an objective (objective.ts) over samples of the training proposal, a share of the learned one and a fixed mixture about the truth.
 * Proposal: likelihood of the truth, divergence from the energy's density, or both. Both networks at once (Gustafsson et al. 2022).
 * Beside them: crops are searched for objects of other groups, and the energy learns that those are absent.
 */
import type * as TF from '@tensorflow/tfjs-core';
import { embed, poolAppearance } from '../ebm/engines/tfjs.js';
import type { MapGeometry, Weights } from '../ebm/head.js';
import { absentOutcome } from '../ebm/objectives/absent-outcome.js';
import { logPartition } from '../ebm/objectives/log-domain.js';
import { mixtureLikelihood, mixtureLogDensity, type MixtureTensors } from '../ebm/objectives/mixture-likelihood.js';
import { proposalCrossEntropy } from '../ebm/objectives/proposal-divergence.js';
import { proposalMixture } from '../ebm/objectives/proposal-likelihood.js';
import { cellPlaces, concat, DIMENSIONS } from '../ebm/proposal.js';
import { TrackerError } from '../errors.js';
import type { Random } from '../random.js';
import type { Batch } from './batch.js';
import { gradientsOf } from './gradients.js';
import { runLearnedStages, type LearnedStages } from './learned-stages.js';
import { energyLoss, type EnergyLoss, type ProposalObjective } from './objective.js';
import { absentPairs, lookFor, offBoxes, partition, presentPairs, type DrawSettings, type Scene } from './pairs.js';
import type { TrainingSettings } from './settings.js';

/** Settings of a step; settings.ts says what each field is. */
export type StepSettings = DrawSettings &
  Pick<
    TrainingSettings,
    'groupSize' | 'objective' | 'proposalObjective' | 'proposalWeight' | 'absentWeight' | 'channelDropout'
  >;

export interface StepResult {
  readonly gradients: Record<string, Float32Array>;
  readonly energyLoss: number;
  readonly proposalLoss: number;
  /** 0 where the absent outcome is not learned. */
  readonly absentLoss: number;
  readonly pairs: number;
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
  const present = presentPairs(batch.frames, settings.groupSize);
  const absent = settings.absentWeight > 0 ? absentPairs(batch.objects, settings.groupSize, random) : undefined;
  let lastEnergyLoss = 0;
  let lastProposalLoss = 0;
  let lastAbsentLoss = 0;

  const loss = (W: Record<string, TF.Tensor>): TF.Scalar => {
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

    const first = poolAppearance(tf, maps, batch.boxes, geometry);
    const recent = poolAppearance(tf, maps, offBoxes(batch.boxes, random), geometry);
    const scene: Scene = { tf, weights: W, geometry, batch, maps, first, recent, settings, random };
    const pairs = lookFor(scene, present);
    const { loss: energyTerm, drawn } = energyLoss(settings.objective, {
      tf,
      random,
      truths: pairs.truths,
      count: 2 * settings.samples,
      sample: (r, count) => pairs.proposals[r]!.sample(count),
      logProposal: (r, y) => pairs.proposals[r]!.logDensity(y),
      energies: pairs.energies,
    });

    const places = concat(pairs.bases.map((base) => cellPlaces(geometry.coarse, base)));
    const count = present.searchOf.length;
    const mixture = proposalMixture(tf, pairs.raw, tf.tensor3d(places, [count, places.length / count / 2, 2]));
    const proposalTerm = proposalLoss(tf, mixture, pairs.truths, drawn, settings.proposalObjective);

    lastEnergyLoss = energyTerm.dataSync()[0]!;
    lastProposalLoss = proposalTerm.dataSync()[0]!;
    const found = tf.add(energyTerm, tf.mul(proposalTerm, settings.proposalWeight)) as TF.Scalar;
    if (!absent) return found;
    const there = drawn ? logPartition(tf, drawn.energies, drawn.logSampled) : partition(scene, pairs);
    const elsewhere = partition(scene, lookFor(scene, absent));
    const outcome = absentOutcome(tf, there, elsewhere, tf.tensor1d(absent.counted));
    lastAbsentLoss = outcome.dataSync()[0]!;
    return tf.add(found, tf.mul(outcome, settings.absentWeight));
  };

  const gradients = gradientsOf(tf, weights, loss);
  return {
    gradients,
    energyLoss: lastEnergyLoss,
    proposalLoss: lastProposalLoss,
    absentLoss: lastAbsentLoss,
    pairs: present.searchOf.length,
  };
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
