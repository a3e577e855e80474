/** The stages of tracking one clip with several presets, frame by frame in turn, beside the bare session.run of their backbones. */
import { formatRow } from '../../src/io/boxes.js';
import type { FloatTensor, OnnxModel } from '../../src/runtime/onnx.js';
import type { Tracker } from '../../src/tracker/types.js';
import { openVideo } from '../../src/video/read.js';
import type { Clip } from './clips.js';

/** One way of tracking, and the network whose bare run it is compared with. */
export interface Contender {
  readonly name: string;
  readonly tracker: Tracker;
  readonly bare: OnnxModel;
  readonly input: Readonly<Record<string, FloatTensor>>;
}

export interface StageTimes {
  readonly stage: string;
  /** Milliseconds, one a frame in which the stage ran. */
  readonly times: readonly number[];
}

/** Stages of one contender; decode is common to all. */
export type Measured = ReadonlyMap<string, readonly StageTimes[]>;

/** Tracks the first `frames` frames behind the first one. */
export async function measureStages(clip: Clip, contenders: readonly Contender[], frames: number): Promise<Measured> {
  const own = contenders.map(() => ({ bare: [] as number[], update: [] as number[], output: [] as number[] }));
  let count = -1;
  for await (const frame of (await openVideo(clip.file)).frames()) {
    for (const [n, { tracker, bare, input }] of contenders.entries()) {
      if (count < 0) {
        await tracker.init(frame, clip.box);
        for (let i = 0; i < 3; i++) await bare.run(input);
        tracker.stopwatch.reset();
        continue;
      }
      own[n]!.bare.push(await timed(() => bare.run(input)));
      let result: Awaited<ReturnType<Tracker['update']>>;
      own[n]!.update.push(await timed(async () => (result = await tracker.update(frame))));
      const { index, time } = frame;
      own[n]!.output.push(await timed(async () => formatRow({ frame: index, time, ...result }, 'csv')));
    }
    if (++count === frames) break;
  }
  return new Map(
    contenders.map(({ name, tracker }, n) => [
      name,
      [
        { stage: 'bare session.run', times: own[n]!.bare },
        { stage: 'update()', times: own[n]!.update },
        ...[...tracker.stopwatch.stages].map(([stage, times]) => ({ stage: `  ${stage}`, times: [...times] })),
        { stage: 'output', times: own[n]!.output },
      ],
    ]),
  );
}

/** Milliseconds a frame of decoding alone, from the first frame on. */
export async function measureDecode(clip: Clip, frames: number): Promise<number[]> {
  const times: number[] = [];
  let last: number | undefined;
  for await (const _ of (await openVideo(clip.file)).frames()) {
    const now = performance.now();
    if (last !== undefined) times.push(now - last);
    last = now;
    if (times.length === frames) break;
  }
  return times;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
