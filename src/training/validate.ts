/** How good boxes get on held-out pairs: the figure that training is watched by. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createTfjsEngine } from '../ebm/engines/tfjs.js';
import { estimateBox, type EstimateSettings } from '../ebm/estimate.js';
import { makeTemplate, type HeadModel } from '../ebm/head.js';
import { boxPosterior, placePrior, sizePrior } from '../ebm/posterior.js';
import { cellPlaces, decodeProposal, evenMix, logDensity, mixtureAbout } from '../ebm/proposal.js';
import { openBackbone } from '../features/backbone.js';
import type { BackboneEntry } from '../features/manifest.js';
import {
  cropBox,
  frameToCrop,
  fromRelative,
  intersectionOverUnion,
  toRelative,
  type CropBox,
  type FrameBox,
} from '../geometry.js';
import { regionWindow, resample } from '../image/crop.js';
import { createRandom } from '../random.js';
import type { Tensorflow } from '../runtime/tensorflow.js';
import { openVideo } from '../video/read.js';
import { SEQUENCE_JITTER } from './augment.js';
import { Bank, BankWriter } from './bank.js';
import { readSequences } from './dataset.js';

/** Search crops of each sequence, beside its first frame. */
const CROPS = { val: 8, train: 3 } as const;
type Split = keyof typeof CROPS;
/** Deviation of the jitter of the last box, in place and log size, both relative. */
const JITTER = 0.1;
/** Prior of the pairs: their jitter is known, a tracker's motion prior would be another. */
const PRIOR = { place: 0.15, tail: 4, size: 0.1, aspect: 0.1 };
const ESTIMATE: EstimateSettings = {
  kind: 'mean',
  candidates: 64,
  refined: 32,
  starts: 0,
  averaged: 0,
  refine: { steps: 0, rate: 0, maxStep: 0, maxPlace: 2, maxLogSize: 1, maxLogAspect: 1 },
};
const TEMPERATURE = 0.5;

export type Validate = (tensorflow: Tensorflow, model: HeadModel) => Promise<Record<string, number>>;

export const validateHead = {
  /** Makes the pairs' banks beside the training bank where they are not there yet. */
  async prepare(entry: BackboneEntry, sequences: string, folder: string, threads: number): Promise<Validate> {
    const banks = new Map<Split, Bank>();
    for (const split of ['val', 'train'] as const) {
      const path = `${folder}-${split}-pairs`;
      const exists = await access(join(path, 'bank.json')).then(
        () => true,
        () => false,
      );
      if (!exists) await fillPairs(path, entry, join(sequences, split), CROPS[split], threads);
      banks.set(split, await Bank.open(path, entry.sha256));
    }
    return async (tensorflow, model) => ({
      ...(await score(tensorflow, model, banks.get('val')!, 'val')),
      ...(await score(tensorflow, model, banks.get('train')!, 'train')),
    });
  },
};

async function fillPairs(
  path: string,
  entry: BackboneEntry,
  folder: string,
  crops: number,
  threads: number,
): Promise<void> {
  const backbone = await openBackbone(entry, { threads });
  const { cropSize, searchFactor } = SEQUENCE_JITTER;
  const bank = await BankWriter.create(path, backbone, cropSize);
  const random = createRandom(3);
  for (const [object, sequence] of (await readSequences(folder)).entries()) {
    const usable = [...sequence.boxes.keys()].filter(
      (i) => i > 0 && Math.min(sequence.boxes[i]?.w ?? 0, sequence.boxes[i]?.h ?? 0) >= 6,
    );
    const wanted = new Set(
      Array.from({ length: crops }, (_, i) => usable[Math.round((i * (usable.length - 1)) / Math.max(1, crops - 1))]!),
    );
    for await (const frame of (await openVideo(sequence.video)).frames()) {
      if (frame.index > 0 && !wanted.has(frame.index)) continue;
      const box = sequence.boxes[frame.index]!;
      const jitter = (): number => (frame.index === 0 ? 0 : JITTER * random.normal());
      const last = { w: box.w * Math.exp(jitter()), h: box.h * Math.exp(jitter()) };
      const cx = box.x + box.w / 2 + jitter() * box.w;
      const cy = box.y + box.h / 2 + jitter() * box.h;
      const side = searchFactor * Math.sqrt(last.w * last.h);
      const region = { cx, cy, side, out: cropSize };
      const scale = cropSize / side;
      const crop = {
        rgb: resample(frame, regionWindow(region)),
        box: frameToCrop(box, region),
        lastWidth: last.w * scale,
        lastHeight: last.h * scale,
      };
      await bank.add(crop, object, frame.index, false);
    }
  }
  await bank.finish();
  await backbone.release();
}

/** Mean IoU of the estimate, of the start, and the proposal's negative log-likelihood, over all pairs of a bank. */
async function score(
  tensorflow: Tensorflow,
  model: HeadModel,
  bank: Bank,
  split: Split,
): Promise<Record<string, number>> {
  const engine = createTfjsEngine(tensorflow, model);
  const random = createRandom(7);
  const { geometry } = model;
  const middle = geometry.cropSize / 2;
  const nchw = (data: Float32Array, channels: number): Float32Array => {
    const cells = data.length / channels;
    const result = new Float32Array(data.length);
    for (let i = 0; i < cells; i++) for (let c = 0; c < channels; c++) result[c * cells + i] = data[i * channels + c]!;
    return result;
  };
  const embed = (index: number) => {
    const maps = bank.read([index]);
    return engine.embed(nchw(maps.fine, model.config.fineIn), nchw(maps.coarse, model.config.coarseIn));
  };
  let template;
  let start = 0;
  let refined = 0;
  let likelihood = 0;
  let pairs = 0;
  for (const [index, entry] of bank.entries.entries()) {
    const embedding = await embed(index);
    const truth = cropBox(...entry.box);
    if (entry.frame === 0) {
      template = makeTemplate(model, embedding, truth);
      continue;
    }
    const base = cropBox(middle, middle, ...entry.last);
    const learned = decodeProposal(await engine.propose(embedding, template!), cellPlaces(geometry.coarse, base));
    const y = Float32Array.from(toRelative(truth, base));
    likelihood -= logDensity(learned, y)[0]!;
    const terms = [placePrior(base, PRIOR.place, PRIOR.tail), sizePrior(PRIOR.size, PRIOR.aspect)];
    const posterior = boxPosterior(engine, embedding, template!, base, TEMPERATURE, terms);
    const estimate = await estimateBox(
      posterior,
      evenMix(learned, mixtureAbout([0, 0, 0, 0], [0.15])),
      ESTIMATE,
      random,
    );
    const [a, b, c, d] = estimate.y as unknown as [number, number, number, number];
    const box = fromRelative([a, b, c, d], base);
    start += overlap(base, truth);
    refined += overlap(box, truth);
    pairs++;
  }
  await engine.release();
  return { [`${split}_start`]: start / pairs, [`${split}_iou`]: refined / pairs, [`${split}_nll`]: likelihood / pairs };
}

function overlap(a: CropBox, b: CropBox): number {
  const frame = ({ cx, cy, w, h }: CropBox): FrameBox => ({ x: cx - w / 2, y: cy - h / 2, w, h });
  return intersectionOverUnion(frame(a), frame(b));
}
