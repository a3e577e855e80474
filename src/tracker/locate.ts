/** Finds the most likely box, given that the object is there: samples of a proposal, weighed by the posterior over boxes. */
import type { TrackerConfig } from '../config.js';
import { estimateBox, type Estimate } from '../ebm/estimate.js';
import type { HeadEngine } from '../ebm/head.js';
import { boxPosterior, placePrior, sizePrior, type LogTerm } from '../ebm/posterior.js';
import { cellPlaces, decodeProposal, evenMix, type Mixture } from '../ebm/proposal.js';
import { frameToCrop, fromRelative, type CropBox } from '../geometry.js';
import type { MapAxis } from '../features/roi-pool.js';
import type { Random } from '../random.js';
import { responseOf, type Response } from '../target/classifier.js';
import { colourTerm } from '../target/colour.js';
import { responseTerm } from '../target/response.js';
import type { Sight } from './look.js';
import type { Search } from './search.js';
import type { Track } from './track.js';

export interface Location {
  /** The box before, crop pixels: relative boxes are about it. */
  readonly base: CropBox;
  readonly response: Response;
  readonly proposal: Mixture;
  readonly estimate: Estimate;
  /** The most likely box, crop pixels. */
  readonly box: CropBox;
}

/** @param engine computes the energy f; @param axis of the coarse map */
export async function locate(
  { template, targetModel, colours }: Pick<Track, 'template' | 'targetModel' | 'colours'>,
  { about, elsewhere, region }: Search,
  { embedding, scores, proposal: raw, grid }: Sight,
  engine: Pick<HeadEngine, 'energy'>,
  axis: MapAxis,
  { posterior: settings, redetect }: Pick<TrackerConfig, 'posterior' | 'redetect'>,
  random: Random,
): Promise<Location> {
  const base = frameToCrop(about, region);
  const response = responseOf(targetModel, scores, axis);
  const motion = placePrior(base, elsewhere ? redetect.place : settings.place, settings.tail);
  const colour = colourTerm(colours, grid, base, settings.colour);
  // candidates: the learned proposal, drawn to where response, motion and colours say
  const proposal = shapeProposal(raw, base, response, [motion, colour], settings);
  // how good is each? log p(y | x) = t f(x, y) + response + colours + motion + size
  const terms = [
    responseTerm(response, base, settings.response),
    colour,
    motion,
    sizePrior(settings.size, settings.aspect),
  ];
  const posterior = boxPosterior(engine, embedding, template, base, settings.temperature, terms);
  // which box?
  const estimate = await estimateBox(posterior, proposal, settings, random);
  const [y0, y1, y2, y3] = estimate.y as unknown as [number, number, number, number];
  return { base, response, proposal, estimate, box: fromRelative([y0, y1, y2, y3], base) };
}

/**
 * The proposal of this frame: the learned one with the response and other terms of the place added to its logits. Half of its mass takes sizes
 * from the size prior, so that the posterior over size is covered.
 * @param raw outputs of the head, a row a cell; @param terms of the place alone
 */
export function shapeProposal(
  raw: Float32Array,
  base: CropBox,
  response: Response,
  terms: readonly LogTerm[],
  settings: TrackerConfig['posterior'],
): Mixture {
  const places = cellPlaces(response.axis, base);
  const learned = decodeProposal(raw, places);
  const y = new Float32Array(4);
  for (let k = 0; k < learned.logits.length; k++) {
    y[0] = places[2 * k]!;
    y[1] = places[2 * k + 1]!;
    learned.logits[k] = terms.reduce(
      (sum, term) => sum + term(y, 0),
      settings.proposalLogit * learned.logits[k]! + settings.response * response.scores[k]!,
    );
  }
  const limit = (value: number): number => Math.min(settings.proposalMaxLogSigma, value);
  const narrow = { ...learned, logSigmas: learned.logSigmas.map(limit) };
  const sized = {
    logits: narrow.logits,
    means: narrow.means.map((value, i) => (i % 4 < 2 ? value : 0)),
    logSigmas: narrow.logSigmas.map((value, i) => (i % 4 < 2 ? value : Math.log(settings.size))),
  };
  return evenMix(narrow, sized);
}
