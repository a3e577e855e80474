/**
 * Several objects over the same frames, each with a track of its own. In one thread their search regions are looked at together, which is
 * faster on a GPU. On the CPU the objects are shared out among worker threads: see lanes.ts.
 */
import { parseConfig, type TrackerConfig, type TrackerOptions } from '../config.js';
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { TrackResult } from '../result.js';
import { compileMultiply } from '../target/compile.js';
import { begin } from './begin.js';
import { checkFirstBoxes, checkObject, notStarted } from './checks.js';
import { openLanes } from './lanes.js';
import { look } from './look.js';
import { openModels, type Models, type TrackerPlatform } from './models.js';
import { resultOf, type Track } from './track.js';
import { follow, moved, nextSearch } from './tracker.js';
import { createTurns } from './turns.js';
import type { TrackerDescription, TrackerGroup, TrackerObserver } from './types.js';

/**
 * Opens the networks and gives a group that follows several objects.
 * @param observer is shown what each update() did, object by object; then all objects are followed in this thread
 * @throws TrackerError CONFIG_INVALID, MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE
 */
export async function createTrackerGroup(
  platform: TrackerPlatform,
  options: TrackerOptions = {},
  observer?: TrackerObserver,
): Promise<TrackerGroup> {
  const config = parseConfig(options, platform.cores);
  const { startLane } = platform;
  // lanes cannot call an observer
  if (startLane && observer === undefined && (await wantsLanes(platform, config))) return openLanes(startLane, config);
  return openOneThreadGroup(platform, config, observer);
}

/** Lanes are faster where one thread computes one crop after the other: on the CPU. */
async function wantsLanes(platform: TrackerPlatform, config: TrackerConfig): Promise<boolean> {
  if (config.engine !== 'onnx' || (config.lanes ?? config.threads) === 1) return false;
  if (config.provider !== 'auto') return config.provider === 'cpu';
  // the least of all graphs tells which provider the others would get
  const graph = await platform.openModel(compileMultiply(), { threads: 1, provider: 'auto' });
  await graph.release();
  return graph.provider === 'cpu';
}

/** @throws TrackerError those of openModels() */
export async function openOneThreadGroup(
  platform: TrackerPlatform,
  config: TrackerConfig,
  observer?: TrackerObserver,
): Promise<OneThreadGroup> {
  return new OneThreadGroup(await openModels(platform, config), observer);
}

/** All objects in this thread. */
export class OneThreadGroup implements TrackerGroup {
  private readonly turns = createTurns();
  private tracks: readonly Track[] = [];
  private before: readonly Track[] = [];

  constructor(
    private readonly models: Models,
    private readonly observer: TrackerObserver | undefined,
  ) {}

  init(frame: Frame, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]> {
    return this.turns.take(async () => {
      const tracks: Track[] = [];
      for (const box of checkFirstBoxes(boxes, frame)) tracks.push(await begin(this.models, frame, box));
      return this.replace(tracks).map(resultOf);
    });
  }

  update(frame: Frame): Promise<readonly TrackResult[]> {
    return this.turns.take(async () => {
      const { models, observer } = this;
      const tracks = this.started('update');
      const searches = tracks.map((track) => nextSearch(models, track, frame));
      const regions = searches.map(({ region }) => region);
      const sights = await look(models, frame, regions, tracks);
      const followed: Track[] = [];
      for (const [i, track] of tracks.entries())
        followed.push(await follow(models, track, frame, searches[i]!, sights[i]!, observer, i));
      return this.replace(followed).map(resultOf);
    });
  }

  moveTo(frame: Frame, box: FrameBox, object: number): Promise<void> {
    return this.turns.take(async () => {
      const tracks = this.started('moveTo');
      checkObject(object, tracks.length);
      this.replace(tracks.with(object, moved(tracks[object]!, frame, box)));
    });
  }

  /** Takes back the last call: in another lane it failed. */
  undo(): Promise<void> {
    return this.turns.take(async () => {
      this.tracks = this.before;
    });
  }

  get description(): TrackerDescription {
    return this.models.description;
  }

  release(): Promise<void> {
    return this.turns.end(() => this.models.release());
  }

  private replace(tracks: readonly Track[]): readonly Track[] {
    this.before = this.tracks;
    this.tracks = tracks;
    return tracks;
  }

  private started(call: string): readonly Track[] {
    if (this.tracks.length > 0) return this.tracks;
    throw notStarted(call);
  }
}
