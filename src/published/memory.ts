/** Memory that the filter learns from: samples of the first frame, and of later ones, each with a weight that fades. */
import { MEMORY } from './trackers.js';

/** x, y, w, h in crop pixels. */
export type Box = readonly [number, number, number, number];

/** How many samples, and which of their weights. */
export interface MemoryRules {
  readonly samples: number;
  readonly leastFirst: number;
}

/** Place of a stored sample. */
export interface Stored {
  readonly place: number;
  /** Undoes this store(); only the last one can be undone. */
  undo(): void;
}

export class SampleMemory {
  /** One row a place: [places, C n n]. */
  readonly features: Float32Array;
  readonly boxes: Box[] = [];
  readonly weights: Float32Array;
  /** Places in use, from the first on. */
  count = 0;
  private first = 0;
  private newest: number | undefined;

  /** @param size numbers of one sample's features */
  constructor(
    private readonly size: number,
    private readonly rules: MemoryRules = MEMORY,
  ) {
    this.features = new Float32Array(rules.samples * size);
    this.weights = new Float32Array(rules.samples);
  }

  /** Begins anew with the first frame's samples, of the same weight each. */
  begin(samples: readonly { readonly features: Float32Array; readonly box: Box }[]): void {
    this.weights.fill(0);
    this.newest = undefined;
    this.first = samples.length;
    this.count = samples.length;
    for (const [place, { features, box }] of samples.entries()) {
      this.put(place, features, box);
      this.weights[place] = 1 / samples.length;
    }
  }

  /** Takes in a sample; where there is no place left, the one of the least weight that is not of the first frame goes. */
  store(features: Float32Array, box: Box, rate: number): Stored {
    const place = this.nextPlace();
    const { count, newest } = this;
    const weights = this.weights.slice();
    const replaced = place < count ? this.features.slice(place * this.size, (place + 1) * this.size) : undefined;
    const other = this.boxes[place];
    this.count = Math.max(count, place + 1);
    this.put(place, features, box);
    this.weigh(place, rate);
    const undo = (): void => {
      if (replaced && other) this.put(place, replaced, other);
      this.weights.set(weights);
      this.count = count;
      this.newest = newest;
    };
    return { place, undo };
  }

  private put(place: number, features: Float32Array, box: Box): void {
    this.features.set(features, place * this.size);
    this.boxes[place] = box;
  }

  private nextPlace(): number {
    if (this.count < this.rules.samples) return this.count;
    let least = this.first;
    for (let place = least + 1; place < this.count; place++)
      if (this.weights[place]! < this.weights[least]!) least = place;
    return least;
  }

  private weigh(place: number, rate: number): void {
    const { weights, newest, first } = this;
    if (newest === undefined) {
      this.divide(1 - rate);
      weights[place] = rate;
    } else {
      weights[place] = weights[newest]! / (1 - rate);
    }
    this.newest = place;
    const sum = (from: number, to: number): number =>
      weights.subarray(from, to).reduce((total, weight) => total + weight, 0);
    this.divide(sum(0, weights.length));
    const { leastFirst } = this.rules;
    if (sum(0, first) >= leastFirst) return;
    this.divide(leastFirst + sum(first, weights.length));
    weights.fill(leastFirst / first, 0, first);
  }

  private divide(divisor: number): void {
    const { weights } = this;
    for (let place = 0; place < weights.length; place++) weights[place]! /= divisor;
  }
}
