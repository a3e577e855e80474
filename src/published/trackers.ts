/** The published trackers that can be imported, with the rules that are not in their weights, and the figures their authors give. */
import { z } from 'zod';
import type { Depth, Family } from './architecture.js';

export const TRACKER_IDS = ['dimp18', 'dimp50', 'prdimp18', 'prdimp50', 'super_dimp', 'super_dimp_simple'] as const;
export type TrackerId = (typeof TRACKER_IDS)[number];

const rulesSchema = z.strictObject({
  /** Side of the search crop that the networks see, pixels; a multiple of 32. */
  size: z.number().int().min(64).max(1024).multipleOf(32),
  /** Side of the search region, in units of sqrt(w h) of the last box. */
  area: z.number().min(1).max(20),
  /** Handling of regions that leave the frame: its border is repeated, or the region is shrunk (1.5 times at most) and moved into the frame. */
  border: z.enum(['replicate', 'inside_major']),
  /** Peaks are those of the scores as they are, or of their softmax over all cells. */
  scores: z.enum(['raw', 'softmax']),
  /** The object is not found where the highest score is less. */
  notFound: z.number(),
  /** Gradient ascent of the box: in units of its size and log size, or in pixels. */
  space: z.enum(['relative', 'pixels']),
  steps: z.number().int().min(1).max(100),
  step: z.number().positive(),
});

export { rulesSchema };
export type Rules = z.infer<typeof rulesSchema>;

const WIDE = { size: 352, area: 6, border: 'inside_major' } as const;
const NARROW = { size: 288, area: 5, border: 'replicate' } as const;
const RELATIVE = { space: 'relative', steps: 10, step: 2.5e-3 } as const;
const PIXELS = { space: 'pixels', steps: 5, step: 1 } as const;
const RAW = { scores: 'raw', notFound: 0.25 } as const;
const SOFTMAX = { scores: 'softmax', notFound: 0.04 } as const;

export interface PublishedTracker {
  readonly title: string;
  readonly family: Family;
  readonly depth: Depth;
  readonly rules: Rules;
  /** Name of the file that its authors offer. */
  readonly file: string;
  /** Success on the test sets, per cent, as its authors give it: means of five runs, of TrackingNet one. */
  readonly figures: { readonly lasot: number; readonly trackingnet?: number };
}

export const TRACKERS: Readonly<Record<TrackerId, PublishedTracker>> = {
  dimp18: {
    title: 'DiMP-18',
    family: 'dimp',
    depth: 18,
    rules: { ...NARROW, ...RAW, ...PIXELS },
    file: 'dimp18.pth',
    figures: { lasot: 53.5, trackingnet: 72.3 },
  },
  dimp50: {
    title: 'DiMP-50',
    family: 'dimp',
    depth: 50,
    rules: { ...NARROW, ...RAW, ...PIXELS },
    file: 'dimp50.pth',
    figures: { lasot: 56.9, trackingnet: 74 },
  },
  prdimp18: {
    title: 'PrDiMP-18',
    family: 'prdimp',
    depth: 18,
    rules: { ...NARROW, ...SOFTMAX, ...RELATIVE },
    file: 'prdimp18.pth.tar',
    figures: { lasot: 56.4, trackingnet: 75 },
  },
  prdimp50: {
    title: 'PrDiMP-50',
    family: 'prdimp',
    depth: 50,
    rules: { ...WIDE, ...SOFTMAX, ...RELATIVE },
    file: 'prdimp50.pth.tar',
    figures: { lasot: 59.8, trackingnet: 75.8 },
  },
  super_dimp: {
    title: 'SuperDiMP',
    family: 'dimp',
    depth: 50,
    rules: { ...WIDE, ...RAW, ...RELATIVE },
    file: 'super_dimp.pth.tar',
    figures: { lasot: 63.1, trackingnet: 78.1 },
  },
  super_dimp_simple: {
    title: 'SuperDiMPSimple',
    family: 'simple',
    depth: 50,
    rules: { ...WIDE, ...RAW, ...RELATIVE },
    file: 'super_dimp_simple.pth.tar',
    figures: { lasot: 63.5 },
  },
};

/** The same for all: what is remembered, and what counts as a distractor. */
export const MEMORY = {
  samples: 50,
  rate: 0.01,
  hardRate: 0.02,
  /** Those of the first frame weigh so much together at least. */
  leastFirst: 0.25,
  /** Frames from one update of the filter to the next. */
  every: 20,
  iterations: { first: 10, update: 2, hard: 1 },
} as const;
