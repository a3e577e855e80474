/** When each frame of a file is shown, told from its packets: what a jump to a frame needs, without decoding. */
import type { Binaries } from './binaries.js';
import { capture } from './command.js';
import type { VideoInfo } from './probe.js';

export interface FrameIndex {
  /** Seconds from the first frame, rising: entry i is frame i. */
  readonly times: Float64Array;
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
): Promise<FrameIndex | undefined> {
  const stream = info.stream.split(':').at(-1)!;
  if (!/^\d+$/.test(stream) || info.codec === HIDDEN_FRAMES) return undefined;
  const entries = 'packet=pts_time,flags:format=format_name,start_time';
  const args = ['-v', 'error', '-select_streams', stream, '-show_entries', entries, '-of', 'csv', '-i', `file:${path}`];
  const { stdout, failure } = await capture(binaries.ffprobe.path, args);
  return failure === undefined ? parsePackets(stdout) : undefined;
}

/** @param csv lines "packet,TIME,FLAGS" in the order of decoding, then "format,NAMES,START" */
export function parsePackets(csv: string): FrameIndex | undefined {
  const format = /^format,"?(.*?)"?,(-?[\d.]+)\s*$/m.exec(csv);
  if (!format || !CONTAINERS.test(format[1]!)) return undefined;
  const packets = [...csv.matchAll(/^packet,([^,\n]*),([^,\n]*)/gm)]
    .map(([, time, flags]) => ({ time: Number(time), key: flags!.includes('K'), discarded: flags!.includes('D') }))
    .filter(({ discarded }) => !discarded);
  const stamps = Float64Array.from(packets, ({ time }) => time).toSorted();
  // frames that are decoded before the first key frame, or shown before it, may be missing
  if (!packets[0]?.key || packets[0].time !== stamps[0]) return undefined;
  if (stamps.some((time, i) => !(time > (stamps[i - 1] ?? -Infinity)))) return undefined;
  return { times: stamps.map((time) => time - stamps[0]!), offset: stamps[0]! - Number(format[2]) };
}

/** The frame that is nearest to a time. */
export function frameAt({ times }: FrameIndex, time: number): number {
  let [low, high] = [0, times.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= time) low = middle;
    else high = middle;
  }
  return Math.abs(times[high]! - time) < Math.abs(times[low]! - time) ? high : low;
}
