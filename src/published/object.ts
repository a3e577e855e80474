/**
 * One object, followed by the rules of the published trackers: begin() on the first frame, then search() and follow() on each further one. Pairs
 * are (row, column); places and sizes are kept in single precision, since sizes are cut to whole numbers when crops are made.
 */
import type { FrameBox, Size } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { createRandom, type Random } from '../random.js';
import { boxIn, cropSearch, firstPicture, firstPosition, pair, type Position, type Search } from './crops.js';
import type { PublishedModel } from './file.js';
import { firstViews } from './first-samples.js';
import { createLabeller, type Label, type Labeller } from './labels.js';
import { localise, softmax, type Flag, type Place } from './localise.js';
import { cellsOf } from './look-graph.js';
import { SampleMemory, type Box } from './memory.js';
import type { FirstSight, PublishedNetworks, Sight } from './networks.js';
import type { Pair } from './patch.js';
import { bestBox, startBoxes } from './refine.js';
import type { Reference } from './refiner.js';
import { MEMORY, type Rules } from './trackers.js';

/** How an object is followed. */
export interface FollowRules extends Rules {
  /** Boxes that refinement starts from. */
  readonly starts: number;
  /** Samples that are remembered. */
  readonly samples: number;
  /** Frames from one update of the filter to the next. */
  readonly every: number;
}

export const STARTS = 10;

/** The rules of a tracker, and those that are the same for all. */
export const followRules = (rules: Rules): FollowRules => ({
  ...rules,
  starts: STARTS,
  samples: MEMORY.samples,
  every: MEMORY.every,
});

export interface Outcome {
  readonly box: FrameBox;
  readonly flag: Flag;
  /** The highest score. */
  readonly score: number;
}

const DROPPED = 0.2;
const DROPOUTS = 2;

export class PublishedObject {
  /** Number of the frame: the first one is 1. */
  private number = 1;
  private takeBack: (() => void) | undefined;

  private constructor(
    private readonly rules: FollowRules,
    private readonly networks: PublishedNetworks,
    private random: Random,
    private position: Position,
    /** Size in the first crop, crop pixels. */
    private readonly base: Pair,
    private readonly reference: Reference,
    private readonly memory: SampleMemory,
    private readonly labelOf: Labeller,
    private readonly labels: Label[],
    private currentFilter: Float32Array,
  ) {}

  /** [16, C] */
  get filter(): Float32Array {
    return this.currentFilter;
  }

  /** Weights of the samples, free places 0. */
  get weights(): Float32Array {
    return this.memory.weights;
  }

  /** @param box inside the frame */
  static async begin(
    model: PublishedModel,
    rules: FollowRules,
    networks: PublishedNetworks,
    frame: Frame,
    box: FrameBox,
    random: Random,
  ): Promise<PublishedObject> {
    const position = firstPosition(box, rules);
    const base = pair(position.size[0] / position.scale, position.size[1] / position.scale);
    const { samples, plain } = await firstSamples(model, rules, networks, frame, position, random);
    const reference = await networks.refer(plain, samples[0]!.box);
    const memory = new SampleMemory(samples[0]!.features.length, { ...MEMORY, samples: rules.samples });
    memory.begin(samples);
    const labelOf = createLabeller(model, base);
    const labels = samples.map(({ box: own }) => labelOf(own));
    let filter = await networks.firstFilter(memory);
    for (let i = 0; i < MEMORY.iterations.first; i++) filter = await networks.learn(memory, labels, filter);
    return new PublishedObject(rules, networks, random, position, base, reference, memory, labelOf, labels, filter);
  }

  /** The search crop of the next frame, about the last place. */
  search(frame: Frame): Search {
    return cropSearch(frame, this.position, this.rules);
  }

  /**
   * The object in the next frame. Where it fails, all stays as it was.
   * @param sight what the networks say of the search
   */
  async follow(frame: Size, search: Search, sight: Sight): Promise<Outcome> {
    const { number, position, currentFilter } = this;
    const random = this.random.state();
    this.takeBack = () => Object.assign(this, { number, position, currentFilter, random: createRandom(random) });
    try {
      return await this.advance(frame, search, sight);
    } catch (error) {
      this.undo();
      throw error;
    }
  }

  /** Makes it as if the last follow() had not been. */
  undo(): void {
    this.takeBack?.();
    this.takeBack = undefined;
  }

  private async advance(frame: Size, search: Search, sight: Sight): Promise<Outcome> {
    this.number++;
    const found = this.locate(search, sight);
    if (found.flag !== 'not_found') {
      this.position = { ...this.position, place: this.limitedPlace(found, search, frame) };
      await this.refine(search, sight);
      if (found.flag !== 'uncertain') await this.learn(search, sight, found.flag === 'hard_negative');
    }
    return { box: this.box, flag: found.flag, score: found.score };
  }

  /** Goes on from another box: nothing is learned from it. */
  moveTo(box: FrameBox): void {
    const { place, size } = firstPosition(box, this.rules);
    this.position = { place, size, scale: this.scaleOf(size) };
  }

  get box(): FrameBox {
    const { place, size } = this.position;
    const [h, w] = size;
    return { x: place[1] - (w - 1) / 2, y: place[0] - (h - 1) / 2, w, h };
  }

  // --- the steps ---

  private locate({ centre, scale }: Search, { scores }: Sight): Place {
    const { size, scores: kind, notFound } = this.rules;
    const cells = cellsOf(size);
    const cell = (size / cells) * scale;
    const { place, size: own } = this.position;
    return localise(kind === 'softmax' ? softmax(scores) : scores, {
      cells,
      notFound,
      last: [(place[0] - centre[0]) / cell, (place[1] - centre[1]) / cell],
      size: [own[0] / cell, own[1] / cell],
    });
  }

  /** A fifth of the object at least stays inside the frame. */
  private limitedPlace({ offset }: Place, { centre, scale }: Search, frame: Size): Pair {
    const { size } = this.rules;
    const cell = (size / cellsOf(size)) * scale;
    const along = (axis: 0 | 1, extent: number): number => {
      const beyond = OUTSIDE * this.position.size[axis];
      return Math.min(extent + beyond, Math.max(-beyond, centre[axis] + offset[axis] * cell));
    };
    return pair(along(0, frame.height), along(1, frame.width));
  }

  private async refine(search: Search, sight: Sight): Promise<void> {
    const starts = startBoxes(boxIn(search, this.position, this.rules.size), this.rules.starts, this.random);
    const best = bestBox(await this.networks.refine(sight, this.reference, starts));
    if (!best) return;
    const [x, y, w, h] = best;
    const { centre, scale } = search;
    const middle = (this.rules.size - 1) / 2;
    const size = pair(h * scale, w * scale);
    this.position = {
      place: pair((y + h / 2 - middle) * scale + centre[0], (x + w / 2 - middle) * scale + centre[1]),
      size,
      scale: this.scaleOf(size),
    };
  }

  private scaleOf(size: Pair): number {
    return Math.fround(Math.sqrt((size[0] * size[1]) / (this.base[0] * this.base[1])));
  }

  private async learn(search: Search, { features }: Sight, hard: boolean): Promise<void> {
    const box = boxIn(search, this.position, this.rules.size);
    const { place, undo } = this.memory.store(features, box, hard ? MEMORY.hardRate : MEMORY.rate);
    const label = this.labels[place];
    this.labels[place] = this.labelOf(box);
    const before = this.takeBack;
    this.takeBack = () => {
      undo();
      if (label) this.labels[place] = label;
      before?.();
    };
    const due = (this.number - 1) % this.rules.every === 0;
    const iterations = hard ? MEMORY.iterations.hard : due ? MEMORY.iterations.update : 0;
    for (let i = 0; i < iterations; i++)
      this.currentFilter = await this.networks.learn(this.memory, this.labels, this.currentFilter);
  }
}

/** Distance that the centre may lie outside the frame, in sizes of the object. */
const OUTSIDE = 0.5 - 0.2;
interface FirstSample {
  readonly features: Float32Array;
  readonly box: Box;
}

/** Samples of the first frame's views, and of the plain one with channels dropped. */
async function firstSamples(
  model: PublishedModel,
  { size }: Rules,
  networks: PublishedNetworks,
  frame: Frame,
  position: Position,
  random: Random,
): Promise<{ samples: FirstSample[]; plain: FirstSight }> {
  const { large, box } = firstPicture(frame, position, size);
  const samples: FirstSample[] = [];
  let plain: FirstSight | undefined;
  for (const { pixels, shift } of firstViews(large, size, random)) {
    const sight = await networks.begin(pixels);
    plain ??= sight;
    samples.push({ features: sight.features, box: [box[0] + shift[1], box[1] + shift[0], box[2], box[3]] });
  }
  for (let i = 0; i < DROPOUTS; i++)
    samples.push({ features: dropChannels(plain!.features, model.recipe.widths.filter, random), box });
  return { samples, plain: plain! };
}

function dropChannels(features: Float32Array, channels: number, random: Random): Float32Array {
  const cells = features.length / channels;
  const factors = Float32Array.from({ length: channels }, () => (random.uniform() >= DROPPED ? 1 / (1 - DROPPED) : 0));
  return features.map((value, i) => value * factors[Math.floor(i / cells)]!);
}
