/** How good boxes get on held-out pairs: the figure that training is watched by. */
import { join } from 'node:path';
import { estimateBox, type EstimateSettings } from '../ebm/estimate.js';
import { makeTemplate, viewOf, type Embedding, type HeadModel, type Template } from '../ebm/head.js';
import { boxPosterior, placePrior, sizePrior } from '../ebm/posterior.js';
import { cellPlaces, decodeProposal, evenMix, logDensity, mixtureAbout } from '../ebm/proposal.js';
import {
  cropBox,
  frameToCrop,
  fromRelative,
  intersectionOverUnion,
  toRelative,
  type CropBox,
  type FrameBox,
  type RelBox,
} from '../geometry.js';
import { regionWindow, resample } from '../image/crop.js';
import type { Frame } from '../image/frame.js';
import { createOnnxEngine } from '../node/open.js';
import { createRandom, type Random } from '../random.js';
import { SEQUENCE_JITTER, type TrainingCrop } from './augment.js';
import { Bank, BankWriter, type BankBackbone } from './bank.js';
import { offBoxes } from './pairs.js';
import { readSequences, type Sequence } from '../datasets/footage.js';
import { framesOf, spread, usableFrames } from './fill-bank.js';

/** Search crops of each sequence of a split, beside its first frame. */
const CROPS = { val: 8, train: 3 } as const;
/** At most so many sequences of a split, evenly spread: the figure is looked at each few minutes. */
const SEQUENCES = { val: 120, train: 60 } as const;
/** Deviation of the jitter of the last box, in place and log size, both relative. */
const JITTER = 0.1;
/** Prior of the pairs: their jitter is known, a tracker's motion prior would be another. */
const PRIOR = { place: 0.15, tail: 4, size: 0.1, aspect: 0.1 };
const ESTIMATE: EstimateSettings = {
  estimate: 'peak',
  candidates: 64,
  refined: 32,
  settled: 16,
  starts: 6,
  averaged: 3,
  ascentSteps: 6,
  ascentRate: 0.003,
};
const ASCENT: EstimateSettings = { ...ESTIMATE, estimate: 'ascent' };
const TEMPERATURE = 0.5;

/** Pairs of one sequence: its first usable frame as the template, and frames that are searched. */
export interface HeldOut {
  readonly sequence: Sequence;
  /** Rows of its annotation; not the template's. */
  readonly search: readonly number[];
}

/** Figures of some weights on held-out pairs. */
export type Validate = (model: HeadModel, options?: PairOptions) => Promise<Record<string, number>>;

export interface PairOptions {
  /** t of exp(t f); the objectives make energies of different scale. */
  readonly temperature?: number;
  /** Both maps of a crop from its base map, [H, W, C] each, where stages of the backbone are learned; left out: those of the bank. */
  readonly maps?: (base: Float32Array) => { fine: Float32Array; coarse: Float32Array };
  /** Also the ascended maximum, the best sample, the effective sample size and how often the truth scores above the estimate. */
  readonly full?: boolean;
}

/**
 * Pairs of sequences/val and sequences/train, in banks beside the training bank, which are made where they are not there.
 * @param base which map the banks hold in the place of the fine one; left out: that
 */
export async function prepareSplits(
  sequences: string,
  folder: string,
  backbone: BankBackbone,
  base?: string,
): Promise<Validate> {
  const score = new Map<string, Validate>();
  for (const split of ['val', 'train'] as const) {
    const all = await readSequences(join(sequences, split));
    const pairs = spread(all, Math.min(all.length, SEQUENCES[split])).map((sequence) => ({
      sequence,
      search: spread(usableFrames(sequence).slice(1), CROPS[split]),
    }));
    score.set(
      split,
      await preparePairs(
        `${folder}-${split}-pairs`,
        pairs,
        backbone,
        [split, CROPS[split], SEQUENCES[split], ...(base === undefined ? [] : [base])].join(' '),
      ),
    );
  }
  return async (model, options) => {
    const figures: [string, number][] = [];
    for (const [split, validate] of score)
      for (const [name, value] of Object.entries(await validate(model, options)))
        figures.push([`${split}_${name}`, value]);
    return Object.fromEntries(figures);
  };
}

export async function preparePairs(
  folder: string,
  pairs: readonly HeldOut[],
  backbone: BankBackbone,
  source: string,
): Promise<Validate>;
/** @param source identifies the pairs: a bank of others in the folder is replaced. @returns undefined where the signal was aborted */
export async function preparePairs(
  folder: string,
  pairs: readonly HeldOut[],
  backbone: BankBackbone,
  source: string,
  signal: AbortSignal | undefined,
): Promise<Validate | undefined>;
export async function preparePairs(
  folder: string,
  pairs: readonly HeldOut[],
  backbone: BankBackbone,
  source: string,
  signal?: AbortSignal,
): Promise<Validate | undefined> {
  if (!(await Bank.isThere(folder, source))) await fillPairs(folder, pairs, backbone, source, signal);
  if (signal?.aborted) return undefined;
  const bank = await Bank.open(folder, backbone.entry.sha256);
  return (model, options) => scorePairs(model, bank, options);
}

async function fillPairs(
  folder: string,
  pairs: readonly HeldOut[],
  backbone: BankBackbone,
  source: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const bank = await BankWriter.open(folder, backbone, SEQUENCE_JITTER.cropSize, source);
  const random = createRandom(3);
  for (const [object, { sequence, search }] of pairs.entries()) {
    const template = usableFrames(sequence)[0];
    const wanted = new Set(search);
    const last = Math.max(...search);
    for await (const { image, row } of framesOf(sequence)) {
      if (signal?.aborted) return bank.close();
      if (row > last) break;
      if (row === template || wanted.has(row))
        await bank.add(
          pairCrop(image, sequence.boxes[row]!, row === template ? 0 : JITTER, random),
          object,
          row,
          false,
        );
    }
  }
  await bank.finish();
}

/** The crop about a last box that is off by `jitter`. */
function pairCrop(image: Frame, box: FrameBox, jitter: number, random: Random): TrainingCrop {
  const { cropSize, searchFactor } = SEQUENCE_JITTER;
  const off = (): number => (jitter === 0 ? 0 : jitter * random.normal());
  const last = { w: box.w * Math.exp(off()), h: box.h * Math.exp(off()) };
  const cx = box.x + box.w / 2 + off() * box.w;
  const cy = box.y + box.h / 2 + off() * box.h;
  const side = searchFactor * Math.sqrt(last.w * last.h);
  const region = { cx, cy, side, out: cropSize };
  const scale = cropSize / side;
  return {
    rgb: resample(image, regionWindow(region)),
    box: frameToCrop(box, region),
    lastWidth: last.w * scale,
    lastHeight: last.h * scale,
  };
}

/**
 * Means over all pairs of a bank; the recent view is that of the pair before, its box as far off as a tracker's own. `start` IoU of the last box, `iou` of the estimate (its peak), `nll` of the truth under the posterior (log Z by its
 * samples), `proposal_nll` under the learned proposal.
 */
async function scorePairs(
  model: HeadModel,
  bank: Bank,
  { temperature = TEMPERATURE, full = false, maps }: PairOptions = {},
): Promise<Record<string, number>> {
  const engine = await createOnnxEngine(model, { threads: 1, provider: 'cpu' });
  const random = createRandom(7);
  const { geometry } = model;
  const middle = geometry.cropSize / 2;
  const embed = (index: number): Promise<Embedding> => {
    const base = bank.read('fine', [index]);
    const { fine, coarse } = maps?.(base) ?? { fine: base, coarse: bank.read('coarse', [index]) };
    return engine.embed(channelFirst(fine, model.config.fineIn), channelFirst(coarse, model.config.coarseIn));
  };
  const sums: Record<string, number> = {};
  const add = (name: string, value: number): void => {
    sums[name] = (sums[name] ?? 0) + value;
  };
  let template: Template | undefined;
  let object = -1;
  let pairs = 0;
  for (const [index, entry] of bank.entries.entries()) {
    const embedding = await embed(index);
    const truth = cropBox(...entry.box);
    if (entry.object !== object) {
      object = entry.object; // the first crop of each object is its template
      template = makeTemplate(model, embedding, truth);
      continue;
    }
    const base = cropBox(middle, middle, ...entry.last);
    const learned = decodeProposal(await engine.propose(embedding, template!), cellPlaces(geometry.coarse, base));
    const y = Float32Array.from(toRelative(truth, base));
    const terms = [placePrior(base, PRIOR.place, PRIOR.tail), sizePrior(PRIOR.size, PRIOR.aspect)];
    const posterior = boxPosterior(engine, embedding, template!, base, temperature, terms);
    const proposal = evenMix(learned, mixtureAbout([0, 0, 0, 0], [0.15]));
    const estimate = await estimateBox(posterior, proposal, ESTIMATE, random);
    const quality = (box: ArrayLike<number>): number =>
      overlap(fromRelative(Array.from(box) as unknown as RelBox, base), truth);
    const truthValue = (await posterior.values(y))[0]!;
    add('start', overlap(base, truth));
    add('iou', quality(estimate.y));
    add('nll', estimate.logZ - truthValue);
    add('proposal_nll', -logDensity(learned, y)[0]!);
    if (full) {
      add('iou_mean', quality(estimate.mean));
      const ascended = await estimateBox(posterior, proposal, ASCENT, random);
      const best = estimate.values.indexOf(estimate.best);
      add('iou_ascent', quality(ascended.y));
      add('iou_best_sample', quality(estimate.samples.subarray(4 * best, 4 * best + 4)));
      add('effective_share', estimate.effectiveShare);
      add('truth_above', truthValue > (await posterior.values(Float32Array.from(estimate.y)))[0]! ? 1 : 0);
    }
    pairs++;
    const off = offBoxes(Float32Array.from(entry.box), random);
    template = { ...template!, recent: viewOf(model, embedding, cropBox(off[0]!, off[1]!, off[2]!, off[3]!)) };
  }
  await engine.release();
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / Math.max(1, pairs)]));
}

/** [H, W, C] -> [C, H, W]. */
function channelFirst(data: Float32Array, channels: number): Float32Array {
  const cells = data.length / channels;
  const result = new Float32Array(data.length);
  for (let i = 0; i < cells; i++) for (let c = 0; c < channels; c++) result[c * cells + i] = data[i * channels + c]!;
  return result;
}

function overlap(a: CropBox, b: CropBox): number {
  const frame = ({ cx, cy, w, h }: CropBox): FrameBox => ({ x: cx - w / 2, y: cy - h / 2, w, h });
  return intersectionOverUnion(frame(a), frame(b));
}
