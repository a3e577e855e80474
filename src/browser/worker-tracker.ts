/** A tracker whose networks compute in a worker: the page stays fluid. */
import { TrackerError } from '../errors.js';
import { absolute } from './address.js';
import { checkFrame, type FrameInput } from './frames.js';
import type { BrowserOptions, BrowserTracker, BrowserTrackerGroup } from './types.js';
import type { ModelProgress } from './store.js';
import { errorOf, type Answer, type Calls, type SentFrame, type SentOptions } from './worker-messages.js';

/** As BrowserOptions; the worker imports onnxruntime-web by itself. */
export type WorkerOptions = Omit<BrowserOptions, 'onnxruntime'>;

/** As a BrowserTracker, without what stays in the worker. */
export type WorkerTracker = Omit<BrowserTracker, 'inspect' | 'stopwatch'>;

/** As createTracker(), in a worker that runs ebm-tracker/web/worker. A worker has one tracker; who made it ends it. */
export async function createWorkerTracker(worker: Worker, options: WorkerOptions): Promise<WorkerTracker> {
  const group = await createWorkerTrackerGroup(worker, options);
  return {
    init: async (frame, box) => (await group.init(frame, [box]))[0]!,
    update: async (frame) => (await group.update(frame))[0]!,
    moveTo: (frame, box) => group.moveTo(frame, box, 0),
    description: group.description,
    release: () => group.release(),
  };
}

/** As createTrackerGroup(), in a worker that runs ebm-tracker/web/worker. A worker has one group; who made it ends it. */
export async function createWorkerTrackerGroup(worker: Worker, options: WorkerOptions): Promise<BrowserTrackerGroup> {
  const { models, wasm, onProgress, ...rest } = options;
  const call = openLine(worker, onProgress);
  const given: SentOptions = {
    ...rest,
    models: absolute(models),
    ...(wasm === undefined ? {} : { wasm: absolute(wasm) }),
  };
  const description = await call('open', given, []);
  const inTurn = createTurns();
  return {
    init: async (frame, boxes) => {
      const sent = await inTurn(sendable(frame));
      return call('init', { frame: sent, boxes }, transferable(sent));
    },
    update: async (frame) => {
      const sent = await inTurn(sendable(frame));
      return call('update', { frame: sent }, transferable(sent));
    },
    moveTo: async (frame, box, object) => {
      const sent = await inTurn(sendable(frame));
      return call('moveTo', { frame: sent, box, object }, transferable(sent));
    },
    description,
    release: async () => {
      await inTurn(Promise.resolve());
      return call('release', undefined, []);
    },
  };
}

/** A copy of the picture as it is now: what was given may be closed or drawn over. @throws TrackerError as ReadFrame */
function sendable(frame: FrameInput): Promise<SentFrame> {
  checkFrame(frame);
  const kind = Object.prototype.toString.call(frame);
  if (kind === '[object VideoFrame]') return Promise.resolve((frame as VideoFrame).clone());
  if (kind === '[object ImageData]') {
    const { data, width, colorSpace } = frame as ImageData;
    return Promise.resolve(new ImageData(data.slice(), width, undefined, { colorSpace }));
  }
  return createImageBitmap(frame);
}

const transferable = (frame: SentFrame): Transferable[] => [frame instanceof ImageData ? frame.data.buffer : frame];

/** Pictures take turns: some are ready later than others, and calls are sent in the order in which they were made. */
function createTurns(): <T>(ready: Promise<T>) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve();
  return async (ready) => {
    const turn = Promise.all([ready, before]);
    before = turn.catch(() => undefined);
    return (await turn)[0];
  };
}

type Call = <Name extends keyof Calls>(
  name: Name,
  given: Calls[Name]['given'],
  transfer: Transferable[],
) => Promise<Calls[Name]['answer']>;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

function openLine(worker: Worker, onProgress: ((progress: ModelProgress) => void) | undefined): Call {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  worker.addEventListener('message', ({ data }: { data: Answer }) => {
    if (data.kind === 'progress') return onProgress?.(data.progress);
    const caller = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.kind === 'value') caller?.resolve(data.value);
    else caller?.reject(errorOf(data.fault));
  });
  worker.addEventListener('error', ({ message }) => {
    for (const { reject } of waiting.values()) reject(notStarted(message));
    waiting.clear();
  });
  return (call, given, transfer) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      worker.postMessage({ id, call, given }, transfer);
    });
}

function notStarted(message: string | undefined): TrackerError {
  const why = message || 'its script does not load';
  return new TrackerError('RUNTIME_UNAVAILABLE', `worker: ${why}`, {
    hint: "new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }), where worker.js has import 'ebm-tracker/web/worker' and is bundled",
  });
}
