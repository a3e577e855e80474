/** ebm-tracker convert IN OUT: boxes from one format to another, or drawn into the video. */
import path from 'node:path';
import type { Command } from 'commander';
import { TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import {
  FORMATS,
  FORMAT_NAMES,
  formatOfName,
  formatTracks,
  parseFormatName,
  readTracks,
  writeTracks,
  type FormatName,
  type Media,
  type TrackRow,
} from '../io/tracks.js';
import { drawTracks } from '../drawing/draw-tracks.js';
import { inputsOfVideo } from '../video/inputs.js';
import { openVideo, type VideoSource } from '../video/read.js';
import { nameOf } from '../video/source.js';
import { mediaOf } from './media.js';
import { STREAM_OPTION, streamOf } from './options.js';
import { checkOutputs, isStandardOutput, writeText } from './outputs.js';
import type { Terminal } from './terminal.js';

interface ConvertOptions {
  from?: string;
  to?: string;
  video?: string;
  size?: string;
  fps?: string;
  task?: string;
  extent?: boolean;
  stream?: string;
}

export function addConvertCommand(program: Command, terminal: Terminal): void {
  const formats = FORMAT_NAMES.map((name) => `${name} (${FORMATS[name].endings[0]})`).join(', ');
  program
    .command('convert')
    .description('write boxes in another format, or draw them into the video (.mp4)')
    .argument('<in>', `boxes: ${formats}`)
    .argument('<out>', 'the same boxes; the name tells the format')
    .option('--from <name>', 'format of IN, where the name does not tell')
    .option('--to <name>', 'format of OUT, where the name does not tell')
    .option('--video <file>', 'the video that the boxes belong to: tells its size, rate and length')
    .option('--size <WxH>', 'size of the video, where there is none at hand')
    .option('--fps <n>', 'frames a second of the video, where there is none at hand')
    .option('--task <id|name>', 'which task (CVAT, Label Studio) or video (COCO), where IN holds several')
    .option('--extent', 'take the extent of polygons, masks, ellipses, skeletons and the like as boxes')
    .option(...STREAM_OPTION)
    .action(async (input: string, output: string, options: ConvertOptions) => {
      const onNote = (note: string): void => void terminal.stderr.write(`warning: ${note}\n`);
      const { objects, boxes, warnings } = await convert(input, output, options, terminal, onNote);
      warnings.forEach(onNote);
      terminal.stderr.write(`wrote ${output}: ${boxes} boxes of ${objects} object(s)\n`);
    });
}

async function convert(
  input: string,
  output: string,
  options: ConvertOptions,
  { stdout }: Terminal,
  onNote: (note: string) => void,
): Promise<{ objects: number; boxes: number; warnings: readonly string[] }> {
  const { from, to, video, size, fps, task, extent } = options;
  const draws = to === undefined && path.extname(output).toLowerCase() === '.mp4';
  const format = to === undefined ? undefined : parseFormatName(to);
  const paths = draws ? { video: output, noRows: true } : { rows: output, format };
  const inputs = [{ what: 'the boxes', path: input }, ...(video === undefined ? [] : await inputsOfVideo(video))];
  await checkOutputs(paths, inputs, stdout);
  const source = video === undefined ? undefined : await openVideo(video, { onNote, ...streamOf(options) });
  // a header is no proof of how many frames play; where they are drawn, they show it themselves
  const times = draws ? undefined : await source?.frameTimes();
  const asked = fps === undefined ? undefined : parseFps(fps);
  const media: Media = {
    ...(source ? await mediaOf(source, times, asked) : { name: nameOf(input) }),
    ...(size === undefined ? {} : parseSize(size)),
    ...(asked === undefined ? {} : { fps: asked }),
  };
  const read = from === undefined ? undefined : parseFormatName(from);
  const rows = await readTracks(input, { format: read, media, task, extent, required: true, onNote });
  if (draws) await drawRows(output, rows, source);
  else await writeRows(output, rows, media, format ?? formatOfName(output), stdout);
  const objects = new Set(rows.map(({ id }) => id)).size;
  return { objects, boxes: rows.length, warnings: source?.warnings ?? [] };
}

/** @throws TrackerError OPTION_INVALID */
export function parseSize(text: string): Size {
  const [, width, height] = /^([1-9]\d{0,5})x([1-9]\d{0,5})$/.exec(text) ?? [];
  if (width !== undefined) return { width: Number(width), height: Number(height) };
  throw new TrackerError('OPTION_INVALID', `--size "${text}": expected width x height in pixels`, {
    hint: 'for example --size 1280x720',
  });
}

/** @throws TrackerError OPTION_INVALID */
export function parseFps(text: string): number {
  const [over, under = 1] = /^\d+(\.\d+)?(\/\d+)?$/.test(text) ? text.split('/').map(Number) : [];
  const fps = over === undefined ? Number.NaN : over / under;
  if (fps > 0 && fps <= 1000) return fps;
  throw new TrackerError('OPTION_INVALID', `--fps "${text}": expected a number above 0 and up to 1000`, {
    hint: 'for example --fps 25 or --fps 30000/1001',
  });
}

async function writeRows(
  output: string,
  rows: readonly TrackRow[],
  media: Media,
  format: FormatName,
  stdout: NodeJS.WritableStream,
): Promise<void> {
  const fps = media.fps ?? rateOf(rows);
  const known = fps === undefined ? media : { ...media, fps };
  if (await isStandardOutput(output)) await writeText(stdout, formatTracks(rows, format, known));
  else await writeTracks(output, rows, known, format);
}

/** Frames a second by the times of the rows; undefined where they have none. */
function rateOf(rows: readonly TrackRow[]): number | undefined {
  const [first, last] = [rows[0], rows.at(-1)];
  if (!first || !last || !(last.time > first.time)) return undefined;
  return (last.frame - first.frame) / (last.time - first.time);
}

/** @throws TrackerError OPTION_INVALID without a video; those of openVideo and openVideoWriter */
async function drawRows(output: string, rows: readonly TrackRow[], source: VideoSource | undefined): Promise<void> {
  if (!source) {
    throw new TrackerError('OPTION_INVALID', `output ${output}: the boxes have to be drawn into a video`, {
      hint: 'give it with --video FILE',
    });
  }
  await drawTracks(output, rows, source, source.frames());
}
