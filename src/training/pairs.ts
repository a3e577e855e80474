/** Pairs of a batch: which crop is searched for the object of which other one, and what the head says of it. */
import type * as TF from '@tensorflow/tfjs-core';
import {
  correlationKernels,
  energy,
  pool,
  poolingTensors,
  propose,
  type embed,
  type makeTemplates,
} from '../ebm/engines/tfjs.js';
import { BINS, PROPOSAL_OUTPUTS, type MapGeometry } from '../ebm/head.js';
import { logPartition } from '../ebm/objectives/log-domain.js';
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
import { cropBox, toRelative, type CropBox } from '../geometry.js';
import type { Random } from '../random.js';
import type { Batch } from './batch.js';

/** Where the boxes of a pair are drawn. */
export interface DrawSettings {
  /** Half of the boxes that are drawn for a pair. */
  readonly samples: number;
  /** Share of them, and of the training proposal's mass, that comes from the learned proposal; the rest is drawn about the truth. */
  readonly learnedShare: number;
  readonly fixedSigmas: readonly number[];
}

/** Crops of a batch as the head sees them. */
export interface Scene {
  readonly tf: typeof TF;
  readonly weights: Readonly<Record<string, TF.Tensor>>;
  readonly geometry: MapGeometry;
  readonly batch: Pick<Batch, 'boxes' | 'last' | 'objects'>;
  /** Their embedded maps. */
  readonly maps: ReturnType<typeof embed>;
  /** The template that each would make. */
  readonly own: ReturnType<typeof makeTemplates>;
  readonly settings: DrawSettings;
  readonly random: Random;
}

/** Which crop is searched for the object of which, pair by pair; the pairs of a crop lie side by side, as many for each. */
export interface Pairing {
  readonly searchOf: Int32Array;
  readonly templateOf: Int32Array;
}

/** Every crop is searched for its object as the other crops of its group show it. */
export function presentPairs(crops: number, groupSize: number): Pairing {
  const templates = groupSize - 1;
  const searchOf = Int32Array.from({ length: crops * templates }, (_, p) => Math.floor(p / templates));
  const templateOf = searchOf.map((search, p) => {
    const start = search - (search % groupSize);
    return start + ((search + 1 + (p % templates)) % groupSize);
  });
  return { searchOf, templateOf };
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
  const counted = Float32Array.from(searchOf, (search, p) => (objects[search] === objects[templateOf[p]!] ? 0 : 1));
  return counted.some((value) => value > 0) ? { searchOf, templateOf, counted } : undefined;
}

/** What is said of R pairs. */
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

/** What the head says of pairs of these crops. */
export function lookFor(scene: Scene, { searchOf, templateOf }: Pairing): Looked {
  const { tf, weights, geometry, batch, maps, own } = scene;
  const { fine, coarse } = geometry;
  const crops = batch.objects.length;
  const chosen = tf.tensor1d(templateOf, 'int32');
  const template = {
    fineBins: tf.gather(own.fineBins, chosen),
    coarseBins: tf.gather(own.coarseBins, chosen),
    modulation: tf.gather(own.modulation, chosen),
  };
  const searched = tf.gather(maps.coarse, tf.tensor1d(searchOf, 'int32'));
  const raw = propose(tf, weights, searched, correlationKernels(tf, template.coarseBins));
  const bases = Array.from(searchOf, (crop) => baseOf(geometry, batch, crop));
  const truths = bases.map((base, pair) => truthOf(batch, searchOf[pair]!, base));
  const shaped = (bins: TF.Tensor3D, count: number): TF.Tensor3D =>
    tf.reshape(bins, [searchOf.length, count, bins.shape[2]]);
  return {
    truths,
    bases,
    proposals: trainingProposals(scene, raw.dataSync() as Float32Array, bases, truths),
    raw,
    energies: (y) => {
      const boxes = concat(y.map((row, pair) => toCropBoxes(row, bases[pair]!)));
      const count = y[0]!.length / DIMENSIONS;
      const fineBins = pool(tf, maps.fine, poolingTensors(tf, boxes, crops, BINS.fine, fine));
      const coarseBins = pool(tf, maps.coarse, poolingTensors(tf, boxes, crops, BINS.coarse, coarse));
      return energy(tf, weights, template, shaped(fineBins, count), shaped(coarseBins, count));
    },
  };
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

/** What boxes of each pair are drawn from: a share of the learned proposal, the rest a mixture about the truth. */
function trainingProposals(
  { geometry, settings: { learnedShare, fixedSigmas }, random }: Scene,
  raw: Float32Array,
  bases: readonly CropBox[],
  truths: readonly Float32Array[],
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
