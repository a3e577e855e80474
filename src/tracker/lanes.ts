/**
 * A group on the CPU, shared out among worker threads (lane.ts) that have networks of their own. One thread is not enough: a run of a network
 * holds the thread that calls it, and a batch of crops takes as long as its crops one by one. The networks' threads are shared out too: two of
 * them in one network take half as much processor time again as one.
 */
import type { TrackerConfig } from '../config.js';
import { TrackerError, type ErrorCode } from '../errors.js';
import { checkFirstBox, type FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { Platform } from '../platform.js';
import type { TrackResult } from '../result.js';
import { checkFirstBoxes, checkObject, notStarted } from './checks.js';
import { createTurns } from './turns.js';
import type { TrackerDescription, TrackerGroup } from './types.js';

/** Requests to a lane, answered one by one in the order sent. `object` is an index within the lane. */
export type LaneOrder =
  | { readonly call: 'describe' }
  | { readonly call: 'init'; readonly frame: Frame; readonly boxes: readonly FrameBox[] }
  | { readonly call: 'update'; readonly frame: Frame }
  | { readonly call: 'moveTo'; readonly frame: Frame; readonly box: FrameBox; readonly object: number }
  /** Takes back the last request that succeeded. */
  | { readonly call: 'undo' }
  | { readonly call: 'release' };

/** Answers to the requests, by name. */
export interface LaneValues {
  readonly describe: TrackerDescription;
  readonly init: readonly TrackResult[];
  readonly update: readonly TrackResult[];
  readonly moveTo: void;
  readonly undo: void;
  readonly release: void;
}

export type LaneAnswer =
  | { readonly value: LaneValues[LaneOrder['call']] }
  | { readonly code: ErrorCode; readonly message: string; readonly hint: string };

type StartLane = NonNullable<Platform['startLane']>;

/**
 * A group in config.lanes lanes at most, or one a thread; in as many as there are objects where these are fewer. The first lane is open when
 * this returns: one object needs no other.
 * @throws TrackerError those of openModels() in a lane
 */
export async function openLanes(startLane: StartLane, config: TrackerConfig): Promise<TrackerGroup> {
  const lanes = startLanes(startLane, config, 1);
  try {
    return new LaneGroup(startLane, config, lanes, await lanes[0]!.ask({ call: 'describe' }));
  } catch (error) {
    await closeLanes(lanes);
    throw error;
  }
}

class LaneGroup implements TrackerGroup {
  private readonly turns = createTurns();
  private objects = 0;
  private picture: Uint8Array = new Uint8Array();

  constructor(
    private readonly startLane: StartLane,
    private readonly config: TrackerConfig,
    private lanes: readonly Lane[],
    /** Description of the first lane's group. */
    private readonly described: TrackerDescription,
  ) {}

  get description(): TrackerDescription {
    const lanes = this.lanes.length;
    return { ...this.described, threads: threadsOf(this.config, lanes), lanes };
  }

  init(frame: Frame, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]> {
    return this.turns.take(async () => {
      const places = checkFirstBoxes(boxes, frame);
      const lanes = Math.min(this.config.lanes ?? this.config.threads, places.length);
      await this.resize(lanes);
      const shared = this.shareMemory(frame);
      const ofLane = (lane: number): FrameBox[] => places.filter((_, object) => object % lanes === lane);
      const results = await this.askAll((lane) => ({ call: 'init', frame: shared, boxes: ofLane(lane) }));
      this.objects = places.length;
      return results;
    });
  }

  update(frame: Frame): Promise<readonly TrackResult[]> {
    return this.turns.take(async () => {
      this.checkStarted('update');
      const shared = this.shareMemory(frame);
      return this.askAll(() => ({ call: 'update', frame: shared }));
    });
  }

  moveTo(frame: Frame, box: FrameBox, object: number): Promise<void> {
    return this.turns.take(async () => {
      this.checkStarted('moveTo');
      checkObject(object, this.objects);
      const place = checkFirstBox(box, frame);
      const { lanes } = this;
      const size = { ...frame, data: new Uint8Array() };
      const within = Math.floor(object / lanes.length);
      await lanes[object % lanes.length]!.ask({ call: 'moveTo', frame: size, box: place, object: within });
    });
  }

  release(): Promise<void> {
    return this.turns.end(() => closeLanes(this.lanes));
  }

  private checkStarted(call: string): void {
    if (this.objects === 0) throw notStarted(call);
  }

  /** Other lanes where there are not as many as wanted, or where one has ended. */
  private async resize(wanted: number): Promise<void> {
    if (this.lanes.length === wanted && this.lanes.every((lane) => lane.isOpen())) return;
    this.objects = 0;
    await closeLanes(this.lanes);
    this.lanes = startLanes(this.startLane, this.config, wanted);
  }

  /** Results in the order of the objects. Where a lane fails, the others take back what they did. */
  private async askAll(
    order: (lane: number) => Extract<LaneOrder, { call: 'init' | 'update' }>,
  ): Promise<readonly TrackResult[]> {
    const { lanes } = this;
    // all are waited for, so that none still reads the picture when the next one is written
    const answers = await Promise.allSettled(lanes.map((lane, index) => lane.ask(order(index))));
    const failure = answers.find(({ status }) => status === 'rejected');
    if (failure?.status === 'rejected') {
      const done = lanes.filter((_, index) => answers[index]!.status === 'fulfilled');
      await Promise.allSettled(done.map((lane) => lane.ask({ call: 'undo' })));
      throw failure.reason;
    }
    const results: TrackResult[] = [];
    answers.forEach((answer, lane) => {
      if (answer.status === 'fulfilled')
        answer.value.forEach((result, n) => (results[lane + lanes.length * n] = result));
    });
    return results;
  }

  /** The frame on memory that all threads see: written once, however many lanes read it. */
  private shareMemory(frame: Frame): Frame {
    if (frame.data.buffer instanceof SharedArrayBuffer) return frame;
    if (this.picture.length !== frame.data.length)
      this.picture = new Uint8Array(new SharedArrayBuffer(frame.data.length));
    this.picture.set(frame.data);
    return { ...frame, data: this.picture };
  }
}

/** Threads of each network of a lane. */
const threadsOf = ({ threads }: TrackerConfig, lanes: number): number => Math.max(1, Math.floor(threads / lanes));

function startLanes(startLane: StartLane, config: TrackerConfig, count: number): readonly Lane[] {
  const own = { ...config, threads: threadsOf(config, count), lanes: 1 };
  return Array.from({ length: count }, () => openLane(startLane, own));
}

async function closeLanes(lanes: readonly Lane[]): Promise<void> {
  await Promise.all(lanes.map((lane) => lane.close()));
}

/** A worker thread with a group of its own. */
interface Lane {
  /** @throws TrackerError what its group throws; RUNTIME_UNAVAILABLE where the thread has ended */
  ask<Order extends LaneOrder>(order: Order): Promise<LaneValues[Order['call']]>;
  /** True while its thread runs. */
  isOpen(): boolean;
  close(): Promise<void>;
}

function openLane(startLane: StartLane, config: TrackerConfig): Lane {
  const waiting: { resolve(value: unknown): void; reject(error: unknown): void }[] = [];
  let ended: TrackerError | undefined;
  const end = (why: string, cause?: unknown): void => {
    ended ??= new TrackerError('RUNTIME_UNAVAILABLE', `lane: its thread ended: ${why}`, {
      hint: 'out of memory? Set "lanes": 1 in the configuration to track all objects in one thread',
      cause,
    });
    for (const { reject } of waiting.splice(0)) reject(ended);
  };
  const answered = (answer: LaneAnswer): void => {
    const next = waiting.shift();
    // a thread with nothing to do keeps no program alive
    if (waiting.length === 0) thread.hold(false);
    if ('code' in answer) next?.reject(new TrackerError(answer.code, answer.message, { hint: answer.hint }));
    else next?.resolve(answer.value);
  };
  const thread = startLane(config, { answered: (answer) => answered(answer as LaneAnswer), ended: end });
  thread.hold(false);
  return {
    ask<Order extends LaneOrder>(order: Order) {
      if (ended) return Promise.reject(ended);
      return new Promise<LaneValues[Order['call']]>((resolve, reject) => {
        // each order is answered with its own kind of value
        waiting.push({ resolve: resolve as (value: unknown) => void, reject });
        thread.hold(true);
        thread.send(order);
      });
    },
    isOpen: () => ended === undefined,
    async close() {
      if (ended) return;
      await this.ask({ call: 'release' }).catch(() => undefined);
      await thread.stop();
    },
  };
}
