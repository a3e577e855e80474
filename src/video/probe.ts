/** What ffprobe says of a file: upright size, rate, and the time of every frame. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { messageOf, TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';

export interface VideoInfo extends Size {
  /** Average frames a second. */
  readonly fps: number;
  /** Presentation times in order, seconds from the first: one a packet of the video stream; empty where the file tells none. */
  readonly times: Float64Array;
  /** Clockwise turn that makes the coded picture upright, degrees. */
  readonly rotation: number;
  readonly codec: string;
}

interface ProbedStream {
  codec_name?: string;
  width?: number;
  height?: number;
  avg_frame_rate?: string;
  r_frame_rate?: string;
  tags?: { rotate?: string };
  side_data_list?: { rotation?: number }[];
}

const DEFAULT_FPS = 25;

/** @throws TrackerError VIDEO_UNREADABLE where there is no video stream */
export async function probeVideo(ffprobe: string, path: string): Promise<VideoInfo> {
  const show = 'stream=codec_name,width,height,avg_frame_rate,r_frame_rate:stream_tags=rotate:stream_side_data=rotation';
  const lines: string[] = [];
  const errors = await readLines(ffprobe, ['-show_entries', show, '-of', 'json', path], (line) => lines.push(line));
  const stream = parseStreams(lines.join('\n'))[0];
  if (!stream?.width || !stream.height) {
    throw new TrackerError('VIDEO_UNREADABLE', `video ${path}: no video stream found (${errors.slice(-300).trim()})`, {
      hint: 'expected a video file that ffmpeg reads, a folder of images, or a pattern such as img/%08d.jpg',
    });
  }
  const rotation = Number(stream.side_data_list?.find((data) => data.rotation)?.rotation ?? stream.tags?.rotate ?? 0);
  const turned = Math.abs(rotation % 180) === 90;
  return {
    width: turned ? stream.height : stream.width,
    height: turned ? stream.width : stream.height,
    fps: parseRate(stream.avg_frame_rate) ?? parseRate(stream.r_frame_rate) ?? DEFAULT_FPS,
    times: await packetTimes(ffprobe, path),
    rotation,
    codec: stream.codec_name ?? 'unknown',
  };
}

function parseStreams(text: string): ProbedStream[] {
  try {
    return (JSON.parse(text) as { streams?: ProbedStream[] }).streams ?? [];
  } catch {
    return [];
  }
}

/** "30000/1001" -> 29.97; undefined where unknown. */
function parseRate(text: string | undefined): number | undefined {
  const [over, under] = (text ?? '').split('/').map(Number);
  const rate = over! / (under ?? 1);
  return Number.isFinite(rate) && rate > 0 && rate <= 1000 ? rate : undefined;
}

async function packetTimes(ffprobe: string, path: string): Promise<Float64Array> {
  const times: number[] = [];
  let complete = true;
  await readLines(ffprobe, ['-show_entries', 'packet=pts_time,flags', '-of', 'csv=p=0', path], (line) => {
    const [time, flags] = line.split(',');
    if (flags?.includes('D')) return; // cut away by an edit list: never shown
    const value = Number.parseFloat(time ?? '');
    if (Number.isFinite(value)) times.push(value);
    else complete = false;
  });
  if (!complete || times.length === 0) return new Float64Array(0);
  const sorted = Float64Array.from(times).toSorted();
  return sorted.map((time) => time - sorted[0]!);
}

/** Runs ffprobe on the first video stream, line by line. @returns what it wrote to stderr */
function readLines(ffprobe: string, args: string[], onLine: (line: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(ffprobe, ['-v', 'error', '-select_streams', 'v:0', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)));
    child.on('error', (cause) =>
      reject(new TrackerError('FFMPEG_MISSING', `ffprobe ${ffprobe}: ${messageOf(cause)}`, { hint: 'ebm-tracker doctor', cause })),
    );
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => line.trim() !== '' && onLine(line));
    let ended = 0;
    const end = (): void => {
      if (++ended === 2) resolve(errors);
    };
    lines.on('close', end);
    child.on('close', end);
  });
}
