/** A published tracker behind the contracts of our own: several objects (PublishedGroup), or one (PublishedTracker). */
import type { TrackerConfig } from '../config.js';
import { checkFirstBox, type FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { createRandom } from '../random.js';
import type { TrackResult } from '../result.js';
import { checkFirstBoxes, checkObject, notStarted } from '../tracker/checks.js';
import { nextState } from '../tracker/judge.js';
import { createStopwatch, type Stopwatch } from '../tracker/stopwatch.js';
import { createTurns } from '../tracker/turns.js';
import type { Tracker, TrackerDescription, TrackerGroup } from '../tracker/types.js';
import { confidenceOf } from './confidence.js';
import type { Search } from './crops.js';
import type { PublishedModel } from './file.js';
import { openPublished, type PublishedNetworks, type Sight } from './networks.js';
import { followRules, PublishedObject, type FollowRules } from './object.js';

/** One object, and what was last said of it. */
interface Followed {
  readonly object: PublishedObject;
  readonly result: TrackResult;
}

/** Crops in one run of the backbone at most: the memory of a run grows with them. */
const BATCH = 4;

/** All objects in this thread: one copy of these networks is enough. */
export class PublishedGroup implements TrackerGroup {
  private readonly turns = createTurns();
  private followed: readonly Followed[] = [];

  private constructor(
    private readonly model: PublishedModel,
    private readonly rules: FollowRules,
    private readonly networks: PublishedNetworks,
    private readonly seed: number,
    readonly stopwatch: Stopwatch,
    readonly description: TrackerDescription,
  ) {}

  /**
   * @param sha256 of the imported file
   * @throws TrackerError MODEL_INVALID, RUNTIME_UNAVAILABLE
   */
  static async open(
    model: PublishedModel,
    sha256: string,
    { threads, provider, seed, published }: Pick<TrackerConfig, 'threads' | 'provider' | 'seed' | 'published'>,
  ): Promise<PublishedGroup> {
    const rules = { ...followRules(model.recipe.rules), ...withoutUndefined(published) };
    const stopwatch = createStopwatch();
    const networks = timed(await openPublished(model, { threads, provider }, rules), stopwatch);
    const { provider: device, reasons } = networks.device;
    const calibrated = model.recipe.confidence !== undefined;
    const description = { engine: 'onnx', device, reasons, threads, lanes: 1, weights: sha256, calibrated };
    return new PublishedGroup(model, rules, networks, seed, stopwatch, description);
  }

  init(frame: Frame, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]> {
    return this.turns.take(async () => {
      const followed: Followed[] = [];
      for (const box of checkFirstBoxes(boxes, frame)) followed.push(await this.begin(frame, box));
      this.followed = followed;
      return resultsOf(followed);
    });
  }

  private async begin(frame: Frame, box: FrameBox): Promise<Followed> {
    const { model, rules, networks, seed } = this;
    const object = await PublishedObject.begin(model, rules, networks, frame, box, createRandom(seed));
    return { object, result: { box, confidence: 1, state: 'tracking' } };
  }

  update(frame: Frame): Promise<readonly TrackResult[]> {
    return this.turns.take(async () => {
      const before = this.started('update');
      const searches = await this.stopwatch.time('crop', async () => before.map(({ object }) => object.search(frame)));
      const crops = searches.map(({ pixels }, i) => ({ pixels, filter: before[i]!.object.filter }));
      const done: Followed[] = [];
      try {
        for (let at = 0; at < before.length; at += BATCH) {
          const sights = await this.networks.look(crops.slice(at, at + BATCH));
          for (const [i, sight] of sights.entries())
            done.push(await this.follow(before[at + i]!, frame, searches[at + i]!, sight));
        }
      } catch (error) {
        for (const { object } of done) object.undo();
        throw error;
      }
      this.followed = done;
      return resultsOf(done);
    });
  }

  private async follow(
    { object, result: last }: Followed,
    frame: Frame,
    search: Search,
    sight: Sight,
  ): Promise<Followed> {
    const { box, flag, score } = await object.follow(frame, search, sight);
    const confidence = confidenceOf(flag, score, this.rules.notFound, this.model.recipe.confidence);
    return { object, result: { box, confidence, state: nextState(last.state, confidence) } };
  }

  moveTo(frame: Frame, box: FrameBox, index: number): Promise<void> {
    return this.turns.take(async () => {
      const followed = this.started('moveTo');
      checkObject(index, followed.length);
      const place = checkFirstBox(box, frame);
      const { object, result } = followed[index]!;
      object.moveTo(place);
      this.followed = followed.with(index, { object, result: { ...result, box: place } });
    });
  }

  release(): Promise<void> {
    return this.turns.end(() => this.networks.release());
  }

  private started(call: string): readonly Followed[] {
    if (this.followed.length > 0) return this.followed;
    throw notStarted(call);
  }
}

const resultsOf = (followed: readonly Followed[]): readonly TrackResult[] => followed.map(({ result }) => result);

/** One object. There is nothing to inspect: a published tracker has no posterior. */
export class PublishedTracker implements Tracker {
  constructor(private readonly group: PublishedGroup) {}

  async init(frame: Frame, box: FrameBox): Promise<TrackResult> {
    const [result] = await this.group.init(frame, [box]);
    return result!;
  }

  async update(frame: Frame): Promise<TrackResult> {
    const [result] = await this.group.update(frame);
    return result!;
  }

  moveTo(frame: Frame, box: FrameBox): Promise<void> {
    return this.group.moveTo(frame, box, 0);
  }

  inspect(): undefined {
    return undefined;
  }

  get description(): TrackerDescription {
    return this.group.description;
  }

  get stopwatch(): Stopwatch {
    return this.group.stopwatch;
  }

  release(): Promise<void> {
    return this.group.release();
  }
}

/** The networks, each call counted as a stage. */
function timed(networks: PublishedNetworks, stopwatch: Stopwatch): PublishedNetworks {
  return {
    device: networks.device,
    begin: (picture) => networks.begin(picture),
    refer: (sight, box) => networks.refer(sight, box),
    firstFilter: (memory) => networks.firstFilter(memory),
    learn: (...args) => stopwatch.time('learn', () => networks.learn(...args)),
    look: (crops) => stopwatch.time('networks', () => networks.look(crops)),
    refine: (...args) => stopwatch.time('refine', () => networks.refine(...args)),
    release: () => networks.release(),
  };
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
}
