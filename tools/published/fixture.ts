/** Fixtures: what the original trackers computed on seeded weights and pictures, and the same run here, step by step. */
import { readFile } from 'node:fs/promises';
import type { FrameBox } from '../../src/geometry.js';
import { parseSafetensors, type StoredTensor } from '../../src/io/safetensors.js';
import type { Architecture } from '../../src/published/architecture.js';
import type { Search } from '../../src/published/crops.js';
import type { PublishedModel } from '../../src/published/file.js';
import { openPublished, type FirstSight, type PublishedNetworks, type Sight } from '../../src/published/networks.js';
import { followRules, PublishedObject, type FollowRules } from '../../src/published/object.js';
import type { Flag } from '../../src/published/localise.js';
import type { Reference, Refined } from '../../src/published/refiner.js';
import { PUBLISHED_FILTERS } from '../../src/published/settings.js';
import { TRACKERS, type TrackerId } from '../../src/published/trackers.js';
import { createRandom } from '../../src/random.js';
import type { OnnxOptions } from '../../src/runtime/onnx.js';
import { seededFrame, seededWeights, type OptimiserValues } from './seeded.js';

/** A large tensor, as its mean and deviation and some of its values. */
export interface Figure {
  readonly shape: readonly number[];
  readonly mean: number;
  readonly deviation: number;
  /** Places of the values. */
  readonly at: readonly number[];
  readonly values: readonly number[];
}

export interface FixtureRow {
  readonly box: readonly [number, number, number, number];
  readonly flag?: Flag;
  readonly score?: number;
}

export interface Fixture {
  readonly params: TrackerId;
  readonly seed: number;
  readonly first: readonly [number, number, number, number];
  readonly sample: readonly [number, number];
  /** Settings that are not the published ones, NAME=VALUE. */
  readonly set: readonly string[];
  readonly shifts: readonly (readonly [number, number])[];
  readonly rows: readonly FixtureRow[];
  readonly filterOptimizer: OptimiserValues;
  readonly figures: Readonly<Record<string, Figure>>;
}

const FOLDER = new URL('../../test/published/fixtures/', import.meta.url);

export async function readFixture(name: string): Promise<Fixture> {
  return JSON.parse(await readFile(new URL(`${name}.json`, FOLDER), 'utf8')) as Fixture;
}

export async function readTensors(name: string): Promise<Record<string, StoredTensor>> {
  return parseSafetensors(await readFile(new URL(`${name}.safetensors`, FOLDER)), name).tensors;
}

/** Of the small networks: what is fixed in the architecture stays. */
const SMALL = { stem: 8, filter: 32, fine: 16, coarse: 16, fineDense: 16, coarseDense: 16 };
const FULL = { stem: 64, fine: 256, coarse: 256, fineDense: 256, coarseDense: 256 };

/** The network of a fixture. */
export function fixtureModel({ params, sample, filterOptimizer }: Fixture): PublishedModel {
  const { family, depth, rules } = TRACKERS[params];
  const full = sample[0] === rules.size;
  const architecture: Architecture = {
    family,
    depth,
    widths: full ? { ...FULL, filter: depth === 50 ? 512 : 256 } : SMALL,
  };
  const recipe = {
    tracker: params,
    why: 'seeded weights',
    ...architecture,
    filter: PUBLISHED_FILTERS[family],
    rules: { ...rules, size: sample[0] },
    source: { file: 'seeded', sha256: '', bytes: 0 },
  };
  return { recipe, weights: seededWeights(architecture, filterOptimizer) };
}

/** Its settings: random networks score low. */
export function fixtureRules({ set }: Fixture, { recipe }: PublishedModel): FollowRules {
  const values = Object.fromEntries(set.map((text) => text.split('='))) as Record<string, string>;
  const value = (name: string, missing: number): number => Number(values[name] ?? missing);
  const rules = followRules(recipe.rules);
  return {
    ...rules,
    notFound: value('target_not_found_threshold', rules.notFound),
    samples: value('sample_memory_size', rules.samples),
    every: value('train_skipping', rules.every),
  };
}

/** All that passed through the networks. */
export interface RunRecord {
  readonly pictures: Float32Array[];
  readonly begun: FirstSight[];
  readonly references: Reference[];
  readonly filters: Float32Array[];
  readonly learned: Parameters<PublishedNetworks['learn']>[1][];
  readonly sights: Sight[];
  readonly starts: Float32Array[];
  readonly refined: Refined[];
}

export function recordNetworks(networks: PublishedNetworks): { networks: PublishedNetworks; record: RunRecord } {
  const record: RunRecord = {
    pictures: [],
    begun: [],
    references: [],
    filters: [],
    learned: [],
    sights: [],
    starts: [],
    refined: [],
  };
  const kept = <T>(list: T[], value: T): T => {
    list.push(value);
    return value;
  };
  return {
    record,
    networks: {
      device: networks.device,
      begin: async (picture) => kept(record.begun, await networks.begin(kept(record.pictures, picture))),
      refer: async (sight, box) => kept(record.references, await networks.refer(sight, box)),
      firstFilter: async (memory) => kept(record.filters, await networks.firstFilter(memory)),
      learn: async (memory, labels, filter) =>
        kept(record.filters, await networks.learn(memory, kept(record.learned, [...labels]), filter)),
      async look(crops) {
        const sights = await networks.look(crops);
        record.sights.push(...sights);
        return sights;
      },
      refine: async (sight, reference, boxes) =>
        kept(record.refined, await networks.refine(sight, reference, kept(record.starts, boxes))),
      release: () => networks.release(),
    },
  };
}

/** One frame of a run. */
export interface Step {
  readonly search: Search;
  readonly box: FrameBox;
  readonly flag: Flag;
  readonly score: number;
  readonly weights: Float32Array;
}

export interface Run {
  readonly model: PublishedModel;
  readonly networks: PublishedNetworks;
  readonly record: RunRecord;
  readonly object: PublishedObject;
  /** The next frame. */
  step(): Promise<Step>;
}

/** A fixture's run, begun on its first frame. */
export async function beginRun(fixture: Fixture, options: OnnxOptions): Promise<Run> {
  const model = fixtureModel(fixture);
  const rules = fixtureRules(fixture, model);
  const opened = await openPublished(model, options, rules);
  const { networks, record } = recordNetworks(opened);
  const [x, y, w, h] = fixture.first;
  const object = await PublishedObject.begin(
    model,
    rules,
    networks,
    seededFrame(0),
    { x, y, w, h },
    createRandom(fixture.seed),
  );
  let index = 0;
  return {
    model,
    networks,
    record,
    object,
    async step() {
      index++;
      const frame = seededFrame(index);
      const search = object.search(frame);
      const [sight] = await networks.look([{ pixels: search.pixels, filter: object.filter }]);
      const outcome = await object.follow(frame, search, sight!);
      return { search, ...outcome, weights: object.weights.slice() };
    },
  };
}
