/** When each frame of a file is shown, told from its packets: what a jump to a frame needs, without decoding. */
import type { Binaries } from './binaries.js';
import { capture, inputArguments } from './command.js';
import type { VideoInfo } from './probe.js';

export interface FrameIndex {
  /** Seconds from the first frame, rising: entry i is frame i. */
  readonly times: Float64Array;
  /** Frames that are decoded without others, rising; the first is 0. */
  readonly keys: readonly number[];
  /** Seconds from where the file's own times begin to the first frame. */
  readonly offset: number;
}

/** Containers whose packets have the times of frames, one a frame. Transport streams and AVI do not say them all. */
const CONTAINERS = /\b(mov|mp4|matroska|webm)\b/;
/** Its packets may hold frames that are never shown. */
const HIDDEN_FRAMES = 'vp8';

/** Undefined where the packets do not tell for sure which frames there are. Never throws. */
export async function readFrameIndex(
  path: string,
  info: VideoInfo,
  binaries: Binaries,
  signal?: AbortSignal,
): Promise<FrameIndex | undefined> {
  const stream = info.stream.split(':').at(-1)!;
  if (!/^\d+$/.test(stream) || info.codec === HIDDEN_FRAMES) return undefined;
  const entries = 'packet=pts_time,flags:format=format_name,start_time';
  const args = [
    '-v',
    'error',
    '-select_streams',
    stream,
    '-show_entries',
    entries,
    '-of',
    'csv',
    ...inputArguments(path),
  ];
  const { stdout, failure } = await capture(binaries.ffprobe.path, args, 0, signal);
  return failure === undefined ? parsePackets(stdout) : undefined;
}

/** @param csv lines "packet,TIME,FLAGS" in the order of decoding, then "format,NAMES,START" */
export function parsePackets(csv: string): FrameIndex | undefined {
  const format = /^format,"?(.*?)"?,(-?[\d.]+)\s*$/m.exec(csv);
  if (!format || !CONTAINERS.test(format[1]!)) return undefined;
  const packets = [...csv.matchAll(/^packet,([^,\n]*),([^,\n]*)/gm)]
    .map(([, time, flags]) => ({ time: Number(time), key: flags!.includes('K'), discarded: flags!.includes('D') }))
    .filter(({ discarded }) => !discarded);
  // frames that are decoded before the first key frame, or shown before it, may be missing
  const first = packets[0];
  packets.sort((a, b) => a.time - b.time);
  if (!first?.key || packets[0] !== first) return undefined;
  if (!packets.every(({ time }, i) => time > (packets[i - 1]?.time ?? -Infinity))) return undefined;
  return {
    times: Float64Array.from(packets, ({ time }) => time - first.time),
    keys: [...packets.keys()].filter((i) => packets[i]!.key),
    offset: first.time - Number(format[2]),
  };
}

/** Position of the last entry that is not above a value; 0 where all are. */
function lastUpTo(sorted: ArrayLike<number>, value: number): number {
  let [low, high] = [0, sorted.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** The frame that is nearest to a time. */
export function frameAt({ times }: FrameIndex, time: number): number {
  const before = lastUpTo(times, time);
  return times[before + 1]! - time < time - times[before]! ? before + 1 : before;
}

/** ffmpeg aims so many seconds earlier (3/23 s, as frames may be decoded before they are shown): nearer to a key frame it takes the one before. */
const EARLY_SECONDS = 0.2;

/** A frame, not behind the given one, that a jump reaches without decoding many others. */
export function quickFrame({ times, keys }: FrameIndex, frame: number): number {
  const key = keys[lastUpTo(keys, frame)]!;
  if (key === 0) return 0;
  return Math.min(frame, lastUpTo(times, times[key]! + EARLY_SECONDS) + 1);
}
