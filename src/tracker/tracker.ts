/**
 * The tracker: init(frame, box), then update(frame) -> box, confidence, state. This is the page to read first; it reads from top to bottom.
 *
 *   search region   where is the object searched for?   search.ts
 *   networks        what is seen there?                 look.ts, networks.ts
 *   locate          which box is most likely?           locate.ts
 *   judge           is the object there?                judge.ts
 *   learn           what is remembered of the frame?    below
 */
import { parseConfig, type TrackerOptions } from '../config.js';
import { viewOf } from '../ebm/head.js';
import { checkFirstBox, frameToCrop, type CropBox, type FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { createRandom } from '../random.js';
import type { TrackResult } from '../result.js';
import { learnColours } from '../target/colour.js';
import { begin } from './begin.js';
import { notStarted } from './checks.js';
import { judge } from './judge.js';
import { locate } from './locate.js';
import { look, type Sight } from './look.js';
import { openModels, type Models, type TrackerPlatform } from './models.js';
import { searchFor, type Search } from './search.js';
import { resultOf, type Track } from './track.js';
import { createTurns } from './turns.js';
import type { Observation, Tracker, TrackerDescription, TrackerObserver } from './types.js';

/**
 * Opens the networks and gives a tracker of one object.
 * @param observer is shown what each update() did; left out, nothing is gathered for it
 * @throws TrackerError CONFIG_INVALID, MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE
 */
export async function createTracker(
  platform: TrackerPlatform,
  options: TrackerOptions = {},
  observer?: TrackerObserver,
): Promise<Tracker> {
  return new EnergyTracker(await openModels(platform, parseConfig(options, platform.cores)), observer);
}

class EnergyTracker implements Tracker {
  private readonly turns = createTurns();
  private track: Track | undefined;

  constructor(
    private readonly models: Models,
    private readonly observer: TrackerObserver | undefined,
  ) {}

  init(frame: Frame, box: FrameBox): Promise<TrackResult> {
    return this.turns.take(async () => {
      this.track = await begin(this.models, frame, checkFirstBox(box, frame));
      return resultOf(this.track);
    });
  }

  update(frame: Frame): Promise<TrackResult> {
    return this.turns.take(async () => {
      const track = this.started('update');
      const search = nextSearch(this.models, track, frame);
      const [sight] = await look(this.models, frame, [search.region], [track]);
      this.track = await follow(this.models, track, frame, search, sight!, this.observer);
      return resultOf(this.track);
    });
  }

  moveTo(frame: Frame, box: FrameBox): Promise<void> {
    return this.turns.take(async () => {
      this.track = moved(this.started('moveTo'), frame, box);
    });
  }

  inspect(): Observation | undefined {
    return this.track?.observation;
  }

  get description(): TrackerDescription {
    return this.models.description;
  }

  get stopwatch(): Tracker['stopwatch'] {
    return this.models.stopwatch;
  }

  release(): Promise<void> {
    return this.turns.end(() => this.models.release());
  }

  private started(call: string): Track {
    if (this.track) return this.track;
    throw notStarted(call);
  }
}

/** The search region of the next frame. */
export function nextSearch({ config, model }: Models, { object }: Track, frame: Frame): Search {
  return searchFor(object, frame, config, model.geometry.cropSize);
}

/**
 * The method: from what is seen of the search region to the object's box, and to what is remembered of it.
 * @param index the object's place in its group; a tracker of one object leaves it out
 * @returns the next track; the given one stays as it is
 */
export async function follow(
  models: Models,
  track: Track,
  frame: Frame,
  search: Search,
  sight: Sight,
  observer?: TrackerObserver,
  index?: number,
): Promise<Track> {
  const { config, engine, head, stopwatch } = models;
  const random = createRandom(track.random);
  const axis = head.model.geometry.coarse;
  const location = await stopwatch.time('locate', () => locate(track, search, sight, engine, axis, config, random));
  const { object, evidence, inputs, learned } = judge(track.object, frame, search, location, head.confidence, config);
  const { base, response, proposal, estimate } = location;
  const seen = { region: search.region, base, response, proposal, estimate, evidence, inputs };
  const observation = { ...seen, result: resultOf({ object }) };
  await observer?.observe(observation, frame, index);
  const box = frameToCrop(object.box, search.region);
  const known = await stopwatch.time('learn', () => learn(models, track, sight, box, learned, object));
  return { ...track, ...known, object, observation, random: random.state() };
}

/**
 * The memory after a frame. The recent view is of the last frame in which the object was surely seen. The target model takes up a frame that is
 * learned from; on the others it goes on with what it took up.
 */
async function learn(
  { config, learner, model }: Models,
  { template, targetModel, colours }: Track,
  { reduced, grid, embedding }: Sight,
  box: CropBox,
  learned: boolean,
  { state, confidence }: TrackResult,
): Promise<Pick<Track, 'template' | 'targetModel' | 'colours'>> {
  const sure = state === 'tracking' && confidence >= config.target.recentAbove;
  return {
    template: sure ? { ...template, recent: viewOf(model, embedding, box) } : template,
    targetModel: await (learned ? learner.takeUp(targetModel, reduced, box) : learner.goOn(targetModel)),
    colours: learned ? learnColours(colours, grid, box) : colours,
  };
}

/** The track of an object that somebody says is in the box. @throws TrackerError BOX_INVALID */
export function moved(track: Track, frame: Frame, box: FrameBox): Track {
  return { ...track, object: { ...track.object, box: checkFirstBox(box, frame) } };
}
