/** One run over one video, for `track` and `demo`: open, track, write, sum up. */
import type { TrackerConfig } from '../config.js';
import { TrackerError } from '../errors.js';
import { checkFirstBox } from '../geometry.js';
import type { Input, Output } from '../files/keep-inputs.js';
import type { FirstBox } from '../io/first-boxes.js';
import { createTracker, createTrackerGroup } from '../node/open.js';
import type { Explainer, ExplainOptions } from '../drawing/explain.js';
import { trackObjects, type TrackedObjects } from '../tracker/track-video.js';
import type { TrackerDescription, TrackerGroup } from '../tracker/types.js';
import { inputsOfVideo } from '../video/inputs.js';
import { openLive, type LiveEvent, type LiveSource } from '../video/live.js';
import { openVideo, type OpenOptions, type VideoSource } from '../video/read.js';
import { listenForInterrupt } from './interrupt.js';
import { inputsOfModels } from './options.js';
import { checkOutputs, openOutputs, type OutputPaths, type Outputs } from './outputs.js';
import { createLiveProgress, liveEventText } from './live-progress.js';
import type { Terminal } from './terminal.js';
import { createTrackProgress, type TrackProgress } from './track-progress.js';

export interface TrackRequest {
  readonly video: string;
  /** It has no end: its newest frame is tracked, and others are dropped. Left out: it is a file. */
  readonly live?: boolean;
  /** One an object. */
  readonly objects: readonly FirstBox[];
  readonly start?: OpenOptions['start'] | undefined;
  /** Number of the video stream; left out: the one that players show. */
  readonly stream?: number | undefined;
  readonly outputs: OutputPaths;
  /** Files that are read beside the video and the networks: none of them is written. */
  readonly inputs: readonly Input[];
  readonly config: TrackerConfig;
  /** Output of --debug: pictures and numbers that explain each box. */
  readonly debug?: ExplainOptions;
  /** No progress line and no summary; warnings stay. */
  readonly quiet: boolean;
}

/** Counts of a run. */
interface Tally {
  frames: number;
  /** Results whose state is not lost, of all objects. */
  inSight: number;
}

/**
 * Ctrl-C stops the tracking, ends the files as they are, and then, where the source is not live, raises INTERRUPTED.
 * @throws TrackerError those of openVideo, openLive, createTracker, createTrackerGroup, trackObjects and the outputs; INTERRUPTED
 */
export async function runTracking(request: TrackRequest, terminal: Terminal): Promise<void> {
  await checkRequest(request, terminal);
  const interrupt = listenForInterrupt();
  const live = request.live ?? false;
  try {
    const boxes = request.objects.map(({ box }) => box);
    // a live picture does not wait until the networks are loaded
    const early = live ? undefined : await openFile(request, interrupt.signal, terminal);
    const explainer = request.debug && (await openExplainer(request.debug));
    const group = await openGroup(request.config, boxes.length, explainer);
    try {
      const source = early ?? (await openStream(request, interrupt.signal, terminal));
      const began = performance.now();
      const tally: Tally = { frames: 0, inSight: 0 };
      const progress = progressOf(source, request, terminal);
      const frames = trackObjects(group, source, boxes, { signal: interrupt.signal });
      let wrote = false;
      try {
        await writeAll(frames, request, source, terminal, (tracked) => count(tally, tracked, progress));
        wrote = true;
      } finally {
        progress.end();
        for (const warning of source.warnings) terminal.stderr.write(`warning: ${warning}\n`);
        const seconds = (performance.now() - began) / 1000;
        if (!request.quiet && tally.frames > 0)
          terminal.stderr.write(summary(tally, seconds, group.description, request, wrote));
        await explainer?.close();
      }
      // Ctrl-C is the normal end of a live source
      if (interrupt.signal.aborted && !live) throw interrupted(tally.frames);
    } finally {
      await group.release();
    }
  } finally {
    interrupt.end();
  }
}

/** @throws TrackerError those of checkOutputs */
async function checkRequest(
  { video, outputs, inputs, config, debug }: TrackRequest,
  terminal: Terminal,
): Promise<void> {
  const read = [...(await inputsOfVideo(video)), ...inputs, ...(await inputsOfModels(config))];
  await checkOutputs(outputs, read, terminal.stdout, debug ? await debugOutputs(debug) : []);
}

type Followed = Pick<TrackerGroup, 'init' | 'update' | 'description' | 'release'>;

/** One object is followed in this thread. */
async function openGroup(config: TrackerConfig, objects: number, explainer: Explainer | undefined): Promise<Followed> {
  if (objects !== 1) return createTrackerGroup(config, explainer);
  const tracker = await createTracker(config, explainer);
  return {
    init: async (frame, [box]) => [await tracker.init(frame, box!)],
    update: async (frame) => [await tracker.update(frame)],
    description: tracker.description,
    release: () => tracker.release(),
  };
}

async function openFile(request: TrackRequest, signal: AbortSignal, { stderr }: Terminal): Promise<VideoSource> {
  const { video, start, stream, quiet } = request;
  const onNote = (text: string): void => void (quiet || stderr.write(`note: ${text}\n`));
  const source = await openVideo(video, { start, stream, signal, onNote });
  for (const { box } of request.objects) checkFirstBox(box, source);
  return source;
}

async function openStream(request: TrackRequest, signal: AbortSignal, { stderr }: Terminal): Promise<LiveSource> {
  for (const option of ['start', 'stream'] as const) {
    if (request[option] === undefined) continue;
    throw new TrackerError('OPTION_INVALID', `--${option}: ${request.video} is live`, {
      hint: `leave --${option} out`,
    });
  }
  const onEvent = (event: LiveEvent): void => void stderr.write(`live: ${liveEventText(event)}\n`);
  const source = await openLive(request.video, { signal, onEvent });
  try {
    for (const { box } of request.objects) checkFirstBox(box, source);
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

function progressOf(source: VideoSource | LiveSource, { quiet }: TrackRequest, { stderr }: Terminal): TrackProgress {
  return 'age' in source
    ? createLiveProgress(stderr, source, quiet)
    : createTrackProgress(stderr, source.frameCount, quiet);
}

async function debugOutputs({ folder }: ExplainOptions): Promise<Output[]> {
  const { explainerFiles } = await import('../drawing/explain.js');
  return (await explainerFiles(folder)).map((path) => ({ what: '--debug', path }));
}

/** Loaded here only: most runs draw nothing. */
async function openExplainer(options: ExplainOptions): Promise<Explainer> {
  const { createExplainer } = await import('../drawing/explain.js');
  return createExplainer(options);
}

function count(tally: Tally, { objects }: TrackedObjects, progress: TrackProgress): void {
  const inSight = objects.filter((object) => object.state !== 'lost').length;
  tally.frames++;
  tally.inSight += inSight;
  progress.step(objects.length === 1 ? objects[0]!.state : `${inSight} of ${objects.length} in sight`);
}

/**
 * The outputs are opened when the first frame has come out: an input that cannot be tracked leaves older files as they were. Whatever
 * happens later, what was tracked till then is kept in whole files; after a failure beside older ones.
 */
async function writeAll(
  frames: AsyncIterable<TrackedObjects>,
  request: TrackRequest,
  source: VideoSource,
  { stdout, stderr }: Terminal,
  onWritten: (tracked: TrackedObjects) => void,
): Promise<void> {
  const { outputs: paths, debug, quiet } = request;
  const ids = request.objects.map(({ id }) => id);
  let outputs: Outputs | undefined;
  try {
    for await (const tracked of frames) {
      if (!outputs) {
        outputs = await openOutputs(paths, ids, source, stdout);
        if (outputs.waiting !== undefined && !quiet) stderr.write(waitingText(paths.rows!, outputs.waiting));
      }
      const wanted = await outputs.write(tracked);
      onWritten(tracked);
      if (!wanted && !debug) break;
    }
  } catch (error) {
    const kept = (await outputs?.keep()) ?? []; // the first failure is the one to tell
    for (const { older, kept: file } of kept)
      stderr.write(`warning: ${older} was left as it is; what was tracked now is kept in ${file}\n`);
    throw error;
  }
  await outputs?.close();
}

/** Told before, because a run that is killed tells nothing. */
function waitingText(file: string, waiting: string): string {
  return `rows go to ${waiting}; it takes the place of the older ${file} when the run ends\n`;
}

function interrupted(frames: number): TrackerError {
  return new TrackerError('INTERRUPTED', `stopped after ${frames} frames; they were written`, {
    hint: 'run the command again to track all frames, or with --start to go on from a frame with a new box',
  });
}

function summary(
  { frames, inSight }: Tally,
  seconds: number,
  tracker: TrackerDescription,
  { objects, outputs, debug }: TrackRequest,
  whole: boolean,
): string {
  const speed = `${frames} frames in ${seconds.toFixed(1)} s (${(frames / seconds).toFixed(1)} fps)`;
  const lanes = tracker.lanes > 1 ? `${tracker.lanes} lanes of ` : '';
  const where = `engine ${tracker.engine} on ${tracker.device}, ${lanes}${tracker.threads} thread(s)`;
  const files = [outputs.rows, outputs.video, debug?.folder].filter((file) => file !== undefined);
  const wrote = whole && files.length > 0 ? `wrote ${files.join(' and ')}\n` : '';
  const share = `in sight in ${((100 * inSight) / (frames * objects.length)).toFixed(0)}% of frames`;
  const doubt = tracker.calibrated
    ? ''
    : 'note: the confidence of this imported tracker is its scaled score, not a calibrated probability\n';
  return `${speed}, ${where}; ${objects.length > 1 ? `${objects.length} objects, ` : ''}${share}\n${doubt}${wrote}`;
}
