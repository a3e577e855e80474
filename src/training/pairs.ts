/** Pairs of a batch: which crop is searched for the object of which other one, and what the head says of it. */
import type * as TF from '@tensorflow/tfjs-core';
import {
  correlationKernels,
  energy,
  makeTemplates,
  poolCandidates,
  propose,
  type AppearanceTensors,
  type CandidateTensors,
  type embed,
  type ViewTensors,
} from '../ebm/engines/tfjs.js';
import { PROPOSAL_OUTPUTS, type MapGeometry } from '../ebm/head.js';
import { logPartition } from '../ebm/objectives/log-domain.js';
import { toCropBoxes } from '../ebm/posterior.js';
import {
  cellPlaces,
  concat,
  decodeProposal,
  DIMENSIONS,
  joinMixtures,
  logDensity,
  logSumExp,
  mixtureAbout,
  sampleMixture,
  type Mixture,
} from '../ebm/proposal.js';
import { cropBox, toRelative, type CropBox } from '../geometry.js';
import type { Random } from '../random.js';
import type { Batch } from './batch.js';
import type { TrainingSettings } from './settings.js';

/** Settings of drawing the boxes and templates of pairs; settings.ts says what each field is. */
export type DrawSettings = Pick<TrainingSettings, 'samples' | 'learnedShare' | 'fixedSigmas' | 'recentShare'>;

/** Crops of a batch as the head sees them. */
export interface Scene {
  readonly tf: typeof TF;
  readonly weights: Readonly<Record<string, TF.Tensor>>;
  readonly geometry: MapGeometry;
  readonly batch: Pick<Batch, 'boxes' | 'last' | 'objects' | 'frames'>;
  /** Their embedded maps. */
  readonly maps: ReturnType<typeof embed>;
  /** Appearance of each crop's object in its true box, and in a box that is as far off as a tracker's own. */
  readonly first: AppearanceTensors;
  readonly recent: ViewTensors;
  readonly settings: DrawSettings;
  readonly random: Random;
}

/** Which crop is searched for the object of which, pair by pair; the pairs of a crop lie side by side, as many for each. */
export interface Pairing {
  readonly searchOf: Int32Array;
  readonly templateOf: Int32Array;
  /** Which crop the recent view of that object is taken from. */
  readonly recentOf: Int32Array;
}

/** Every crop is searched for its object as the other crops of its group show it; of those, the nearest in time is the recent view. */
export function presentPairs(frames: readonly number[], groupSize: number): Pairing {
  const templates = groupSize - 1;
  const searchOf = Int32Array.from({ length: frames.length * templates }, (_, p) => Math.floor(p / templates));
  const others = (search: number): number[] =>
    Array.from({ length: templates }, (_, n) => search - (search % groupSize) + ((search + 1 + n) % groupSize));
  const templateOf = searchOf.map((search, p) => others(search)[p % templates]!);
  const gap = (a: number, b: number): number => Math.abs(frames[a]! - frames[b]!);
  const nearest = (search: number): number =>
    others(search).reduce((best, crop) => (gap(crop, search) < gap(best, search) ? crop : best));
  return { searchOf, templateOf, recentOf: searchOf.map(nearest) };
}

/** Absent objects that a crop is searched for. */
const ABSENT_OBJECTS = 2;

/**
 * Every crop is searched for the objects of the groups after its own. Where that is its own object, drawn twice, the pair does not count; that
 * two objects of one video are in one crop is rare enough to be let pass.
 */
export function absentPairs(
  objects: readonly number[],
  groupSize: number,
  random: Random,
): (Pairing & { readonly counted: Float32Array }) | undefined {
  const crops = objects.length;
  const searchOf = Int32Array.from({ length: crops * ABSENT_OBJECTS }, (_, p) => Math.floor(p / ABSENT_OBJECTS));
  const templateOf = searchOf.map((search, p) => {
    const start = search - (search % groupSize);
    return (start + groupSize * (1 + (p % ABSENT_OBJECTS)) + random.integer(groupSize)) % crops;
  });
  const recentOf = templateOf.map((template) => template - (template % groupSize) + random.integer(groupSize));
  const counted = Float32Array.from(searchOf, (search, p) => (objects[search] === objects[templateOf[p]!] ? 0 : 1));
  return counted.some((value) => value > 0) ? { searchOf, templateOf, recentOf, counted } : undefined;
}

/** Outputs of the head for R pairs. */
export interface Looked {
  /** True boxes of the crops, relative; of an absent object, those of the object that is there. */
  readonly truths: readonly Float32Array[];
  readonly bases: readonly CropBox[];
  readonly proposals: readonly TrainingProposal[];
  /** The proposal's outputs. */
  readonly raw: TF.Tensor3D;
  /** f(x, y) of N relative boxes a pair: R times [N, 4] -> [R, N]. */
  readonly energies: (y: readonly Float32Array[]) => TF.Tensor2D;
}

/** Computes the head for pairs of these crops. */
export function lookFor(scene: Scene, pairing: Pairing): Looked {
  const { tf, weights, geometry, batch, maps } = scene;
  const { searchOf } = pairing;
  const template = makeTemplates(tf, weights, gatherViews(scene, pairing), recentViews(scene, pairing));
  const searched = tf.gather(maps.coarse, tf.tensor1d(searchOf, 'int32'));
  const raw = propose(tf, weights, searched, correlationKernels(tf, template.coarseBins));
  const bases = Array.from(searchOf, (crop) => baseOf(geometry, batch, crop));
  const truths = bases.map((base, pair) => truthOf(batch, searchOf[pair]!, base));
  const perPair = ({ fine, coarse, context }: CandidateTensors, count: number): CandidateTensors => {
    const shaped = (bins: TF.Tensor3D): TF.Tensor3D => tf.reshape(bins, [searchOf.length, count, bins.shape[2]]);
    return { fine: shaped(fine), coarse: shaped(coarse), context: context && shaped(context) };
  };
  return {
    truths,
    bases,
    proposals: trainingProposals(scene, raw.dataSync() as Float32Array, bases, truths),
    raw,
    energies: (y) => {
      const boxes = concat(y.map((row, pair) => toCropBoxes(row, bases[pair]!)));
      const count = y[0]!.length / DIMENSIONS;
      return energy(tf, weights, template, perPair(poolCandidates(tf, weights, maps, boxes, geometry), count));
    },
  };
}

/** Appearance of the object of each pair in its first view. */
function gatherViews({ tf, first }: Scene, { templateOf }: Pairing): AppearanceTensors {
  const index = tf.tensor1d(templateOf, 'int32');
  const { fineBins, coarseBins, middleBins } = first;
  return {
    fineBins: tf.gather(fineBins, index),
    coarseBins: tf.gather(coarseBins, index),
    middleBins: tf.gather(middleBins, index),
  };
}

/** Recent views of the pairs; for a share of them the first view. */
function recentViews(
  { tf, first, recent, settings: { recentShare }, random }: Scene,
  { templateOf, recentOf }: Pairing,
): ViewTensors {
  const crops = first.fineBins.shape[0];
  const index = templateOf.map((template, p) => (random.uniform() < recentShare ? crops + recentOf[p]! : template));
  const rows = tf.tensor1d(index, 'int32');
  const chosen = (name: keyof ViewTensors): TF.Tensor2D => tf.gather(tf.concat([first[name], recent[name]], 0), rows);
  return { fineBins: chosen('fineBins'), coarseBins: chosen('coarseBins') };
}

/** Deviation of a tracker's box from the truth: its place in sizes of the box, its log size. Some boxes are so many times as far off. */
const RECENT_PLACE = 0.06;
const RECENT_SIZE = 0.09;
const FAR_SHARE = 0.25;
const FAR = 3;

/** Boxes as far off as a tracker's own. @param boxes [B, 4] true ones */
export function offBoxes(boxes: Float32Array, random: Random): Float32Array {
  const result = new Float32Array(boxes.length);
  for (let i = 0; i < boxes.length; i += 4) {
    const [cx, cy, w, h] = boxes.subarray(i, i + 4) as unknown as [number, number, number, number];
    const far = random.uniform() < FAR_SHARE ? FAR : 1;
    const size = Math.exp(far * RECENT_SIZE * random.normal());
    const aspect = Math.exp((far / 2) * RECENT_SIZE * random.normal());
    result[i] = cx + far * RECENT_PLACE * w * random.normal();
    result[i + 1] = cy + far * RECENT_PLACE * h * random.normal();
    result[i + 2] = w * size * aspect;
    result[i + 3] = (h * size) / aspect;
  }
  return result;
}

/** log Z of each pair by boxes drawn for it: [R]. */
export function partition({ tf, settings: { samples } }: Scene, { proposals, energies }: Looked): TF.Tensor1D {
  const y = proposals.map((proposal) => proposal.sample(samples));
  const logSampled = concat(y.map((boxes, r) => proposals[r]!.logDensity(boxes)));
  return logPartition(tf, energies(y), tf.tensor2d(logSampled, [y.length, samples]));
}

/** The base of y space: the last box, which the crop is made about. */
function baseOf(geometry: MapGeometry, batch: Scene['batch'], crop: number) {
  const middle = geometry.cropSize / 2;
  return cropBox(middle, middle, batch.last[2 * crop]!, batch.last[2 * crop + 1]!);
}

function truthOf(batch: Scene['batch'], crop: number, base: CropBox): Float32Array {
  const [cx, cy, w, h] = batch.boxes.subarray(4 * crop, 4 * crop + 4) as unknown as [number, number, number, number];
  return Float32Array.from(toRelative(cropBox(cx, cy, w, h), base));
}

interface TrainingProposal {
  readonly sample: (count: number) => Float32Array;
  readonly logDensity: (y: Float32Array) => Float32Array;
}

/** Log sizes of boxes that hold a part of the object, or it and more, against the true one; and their deviation. */
const PARTS = [-0.6, 0.6];
const PART_SIGMA = 0.25;

/** Boxes about the truth, and boxes that hold a part of it or more than it: a tracker must not settle on those. */
function fixedProposal(truth: Float32Array, sigmas: readonly number[]): Mixture {
  const about = mixtureAbout(truth, sigmas);
  return PARTS.reduce((mixture, log) => {
    const [x, y, w, h] = truth as unknown as [number, number, number, number];
    return joinMixtures(mixture, mixtureAbout([x, y, w + log, h + log], [PART_SIGMA]));
  }, about);
}

/** Proposals that the boxes of each pair are drawn from: a share of the learned proposal, the rest a mixture about the truth. */
function trainingProposals(
  { geometry, settings: { learnedShare, fixedSigmas }, random }: Scene,
  raw: Float32Array,
  bases: readonly CropBox[],
  truths: readonly Float32Array[],
): TrainingProposal[] {
  const size = geometry.coarse.cells ** 2 * PROPOSAL_OUTPUTS;
  return bases.map((base, pair) => {
    const learned = decodeProposal(raw.subarray(pair * size, (pair + 1) * size), cellPlaces(geometry.coarse, base));
    const fixed = fixedProposal(truths[pair]!, fixedSigmas);
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
