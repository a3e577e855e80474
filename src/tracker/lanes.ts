/**
 * Several objects on the CPU, shared out among worker threads (lane.ts) that have networks of their own. One thread is not enough: a run of a
 * network holds the thread that calls it, and a batch of crops takes as long as its crops one by one. The networks' threads are shared out
 * too: two of them in one network take half as much processor time again as one.
 */
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { TrackerConfig } from '../config.js';
import { TrackerError, type ErrorCode } from '../errors.js';
import { checkFirstBox, type FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { TrackResult } from '../result.js';
import { checkAlone, checkFirstBoxes, checkObject, isList, type GivenBoxes } from './objects.js';
import type { Tracker } from './tracker.js';

/** What a lane is asked; each order is answered once, in order. Objects are numbered within the lane. */
export type LaneOrder =
  | { readonly call: 'init'; readonly frame: Frame; readonly boxes: readonly FrameBox[] }
  | { readonly call: 'update'; readonly frame: Frame }
  | { readonly call: 'moveTo'; readonly frame: Frame; readonly box: FrameBox; readonly object: number }
  | { readonly call: 'release' };

export type LaneAnswer =
  | { readonly results: readonly TrackResult[] }
  | { readonly code: ErrorCode; readonly message: string; readonly hint: string };

/** A tracker that follows one object by itself, and several in lanes: `lanes` of them, or one a thread. */
export function overLanes(tracker: Tracker, config: TrackerConfig): Tracker {
  const most = config.lanes ?? config.threads;
  return most === 1 ? tracker : new LaneTracker(tracker, config, most);
}

class LaneTracker implements Tracker {
  private lanes: readonly Lane[] = [];
  /** How many objects the lanes follow; 0 while the tracker itself follows the only one. */
  private objects = 0;
  private picture: Uint8Array = new Uint8Array();

  constructor(
    private readonly alone: Tracker,
    private readonly config: TrackerConfig,
    private readonly most: number,
  ) {}

  get description(): Tracker['description'] {
    return this.alone.description;
  }

  get stopwatch(): Tracker['stopwatch'] {
    return this.alone.stopwatch;
  }

  async init(frame: Frame, box: FrameBox): Promise<TrackResult>;
  async init(frame: Frame, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]>;
  async init(frame: Frame, given: GivenBoxes): Promise<TrackResult | readonly TrackResult[]> {
    const boxes = checkFirstBoxes(given, frame);
    if (boxes.length === 1) {
      const result = await this.alone.init(frame, boxes[0]!);
      this.objects = 0;
      return isList(given) ? [result] : result;
    }
    const lanes = Math.min(this.most, boxes.length);
    if (this.lanes.length !== lanes) await this.openLanes(lanes);
    this.objects = boxes.length;
    const shared = this.share(frame);
    return this.askAll((lane) => ({
      call: 'init',
      frame: shared,
      boxes: boxes.filter((_, object) => object % lanes === lane),
    }));
  }

  async update(frame: Frame): Promise<TrackResult> {
    if (this.objects > 0) checkAlone(this.objects);
    return this.alone.update(frame);
  }

  async updateAll(frame: Frame): Promise<readonly TrackResult[]> {
    if (this.objects === 0) return this.alone.updateAll(frame);
    const shared = this.share(frame);
    return this.stopwatch.time('lanes', () => this.askAll(() => ({ call: 'update', frame: shared })));
  }

  moveTo(frame: Frame, box: FrameBox, object = 0): void {
    if (this.objects === 0) return this.alone.moveTo(frame, box, object);
    checkObject(object, this.objects);
    const place = checkFirstBox(box, frame);
    const { lanes } = this;
    const size = { ...frame, data: new Uint8Array() };
    const order: LaneOrder = { call: 'moveTo', frame: size, box: place, object: Math.floor(object / lanes.length) };
    // told in order: a lane that is gone says so at the next update
    void lanes[object % lanes.length]!.ask(order).catch(() => undefined);
  }

  inspect(object = 0): ReturnType<Tracker['inspect']> {
    return this.objects === 0 ? this.alone.inspect(object) : undefined;
  }

  async release(): Promise<void> {
    await Promise.all([this.alone.release(), this.openLanes(0)]);
    this.objects = 0;
  }

  // --- internal ---

  /** So many, in place of those that are there. */
  private async openLanes(count: number): Promise<void> {
    const before = this.lanes;
    this.lanes = [];
    await Promise.all(before.map((lane) => lane.close()));
    const threads = Math.max(1, Math.floor(this.config.threads / count));
    this.lanes = Array.from({ length: count }, () => openLane({ ...this.config, threads, lanes: 1 }));
  }

  /** Results in the order of the objects. */
  private async askAll(order: (lane: number) => LaneOrder): Promise<readonly TrackResult[]> {
    const { lanes } = this;
    // all are waited for, so that none still reads the picture when the next one is written
    const answers = await Promise.allSettled(lanes.map((lane, index) => lane.ask(order(index))));
    const results: TrackResult[] = [];
    answers.forEach((answer, lane) => {
      if (answer.status === 'rejected') throw answer.reason;
      answer.value.forEach((result, n) => (results[lane + lanes.length * n] = result));
    });
    return results;
  }

  /** The frame on memory that all threads see: written once, however many lanes read it. */
  private share(frame: Frame): Frame {
    if (frame.data.buffer instanceof SharedArrayBuffer) return frame;
    if (this.picture.length !== frame.data.length)
      this.picture = new Uint8Array(new SharedArrayBuffer(frame.data.length));
    this.picture.set(frame.data);
    return { ...frame, data: this.picture };
  }
}

/** A worker thread with a tracker of its own. */
interface Lane {
  /** @throws TrackerError what its tracker throws; RUNTIME_UNAVAILABLE where the thread has ended */
  ask(order: LaneOrder): Promise<readonly TrackResult[]>;
  close(): Promise<void>;
}

function openLane(config: TrackerConfig): Lane {
  const worker = startWorker(config);
  const waiting: { resolve(results: readonly TrackResult[]): void; reject(error: unknown): void }[] = [];
  let ended: TrackerError | undefined;
  const end = (why: string, cause?: unknown): void => {
    ended ??= new TrackerError('RUNTIME_UNAVAILABLE', `lane: its thread ended: ${why}`, {
      hint: 'out of memory? Set "lanes": 1 in the configuration to track all objects in one thread',
      cause,
    });
    for (const { reject } of waiting.splice(0)) reject(ended);
  };
  worker.on('message', (answer: LaneAnswer) => {
    const next = waiting.shift();
    // a thread with nothing to do keeps no process alive
    if (waiting.length === 0) worker.unref();
    if ('results' in answer) next?.resolve(answer.results);
    else next?.reject(new TrackerError(answer.code, answer.message, { hint: answer.hint }));
  });
  worker.on('error', (error) => end(error.message, error));
  worker.on('exit', (code) => end(`exit code ${code}`));
  worker.unref();
  return {
    ask(order) {
      if (ended) return Promise.reject(ended);
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        worker.ref();
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
        worker.postMessage(order);
      });
    },
    async close() {
      if (ended) return;
      await this.ask({ call: 'release' }).catch(() => undefined);
      await worker.terminate();
    },
  };
}

function startWorker(workerData: TrackerConfig): Worker {
  const extension = path.extname(fileURLToPath(import.meta.url));
  const script = new URL(`./lane${extension}`, import.meta.url);
  if (extension === '.js') return new Worker(script, { workerData });
  // from sources, as in tests and benchmarks, the thread needs the same loader, which Node does not hand on to threads
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import('${script.href}'); })`;
  return new Worker(load, { eval: true, workerData });
}
