/** ebm-tracker track VIDEO --box x,y,w,h [--box ...] */
import path from 'node:path';
import type { Command } from 'commander';
import { TrackerError } from '../errors.js';
import type { Input } from '../files/keep-inputs.js';
import { parseBox } from '../geometry.js';
import { numbered } from '../io/first-boxes.js';
import { FORMATS, FORMAT_NAMES, parseFormatName } from '../io/tracks.js';
import { isLive } from '../video/source.js';
import { readBoxesFile, type BoxesFound } from './boxes-file.js';
import type { OutputPaths } from './outputs.js';
import { addConfigOptions, configOf, type GivenConfig } from './config-options.js';
import { parseStart, parseWhole, STREAM_OPTION, streamOf } from './options.js';
import type { Terminal } from './terminal.js';
import { runTracking, type TrackRequest } from './tracking.js';

const OUT_ENDINGS = FORMAT_NAMES.map((name) => FORMATS[name].endings[0]).join(' ');

interface TrackOptions extends GivenConfig {
  box?: string[];
  boxes?: string;
  out?: string;
  format?: string;
  video?: string;
  start?: string;
  stream?: string;
  debug?: string;
  debugEvery?: string;
  quiet?: boolean;
}

// oxlint-disable-next-line max-lines-per-function -- a table of options, one after the other
export function addTrackCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('track')
    .description('track one object or several through a video')
    .argument(
      '<video>',
      'video file, http(s) address of one, pipe (/dev/stdin), animation or stack of images, folder of images, or a pattern such as "img/*.jpg" or img/%08d.jpg; live: camera:0, rtsp://..., http://..., - (stdin)',
    )
    .option(
      '--box <x,y,w,h>',
      'the object in the first frame: left, top, width, height in pixels of the upright frame; once an object',
      (text: string, before: string[] = []) => [...before, text],
    )
    .option(
      '--boxes <file>',
      'the objects from a file instead: .json or .csv with x, y, w, h and, if you like, id and frame; or boxes in any format of --out; without --start tracking starts in their first frame',
    )
    .option(
      '--out <file>',
      `boxes as ${OUT_ENDINGS}, or the video with the boxes as .mp4 (default, or -: CSV to stdout; of a live source JSON lines)`,
    )
    .option('--format <name>', `format of --out or stdout, where the name does not tell: ${FORMAT_NAMES.join(', ')}`)
    .option('--video <file>', 'the video with the boxes drawn in, .mp4')
    .option('--start <frame|time>', 'first frame: 90 = frame 90, 3.5s or 00:00:03.5 = a time')
    .option(...STREAM_OPTION);
  addConfigOptions(command, 'preset', 'head', 'engine', 'backend', 'threads', 'seed', 'config')
    .option('--debug <dir>', 'writes why the box is where it is: pages of pictures and a line of numbers a frame')
    .option('--debug-every <n>', 'with --debug: only each n-th frame (default: all)')
    .option('--quiet', 'no progress line and no summary')
    .action(async (video: string, options: TrackOptions) => {
      const live = await isLive(video);
      const { objects, start } = await firstBoxesOf(video, live, options, (text) =>
        terminal.stderr.write(`warning: ${text}\n`),
      );
      const config = await configOf(options);
      await runTracking(
        {
          video,
          live,
          objects,
          start,
          ...streamOf(options),
          outputs: outputsOf(options, live),
          inputs: inputsOf(options),
          config,
          ...debugOf(options),
          quiet: options.quiet ?? false,
        },
        terminal,
      );
    });
}

/** @throws TrackerError BOX_INVALID; OPTION_INVALID where none or both are given; those of readBoxesFile */
async function firstBoxesOf(
  video: string,
  live: boolean,
  { box = [], boxes, start: given }: TrackOptions,
  say: (text: string) => void,
): Promise<BoxesFound> {
  const start = given === undefined ? undefined : parseStart(given);
  if (box.length > 0 !== (boxes !== undefined)) {
    if (boxes !== undefined) return readBoxesFile(boxes, video, live, start, say);
    return { objects: numbered(box.map(parseBox)), start };
  }
  const found = boxes === undefined ? 'neither' : 'both';
  throw new TrackerError('OPTION_INVALID', `track: expected --box or --boxes, found ${found}`, {
    hint: 'for example --box 120,80,64,48, once for each object, or --boxes objects.csv',
  });
}

function inputsOf({ boxes, config }: TrackOptions): Input[] {
  return [
    ...(boxes === undefined ? [] : [{ what: 'the boxes', path: boxes }]),
    ...(config === undefined ? [] : [{ what: 'the configuration', path: config }]),
  ];
}

/** As a name of a file: the output of the program. */
const STDOUT = '-';

/** @throws TrackerError OPTION_INVALID */
function outputsOf({ out: given, format, video }: TrackOptions, live: boolean): OutputPaths {
  const out = given === STDOUT ? undefined : given;
  if (live && out === undefined && format === undefined) return { format: 'jsonl', video };
  if (out !== undefined && path.extname(out).toLowerCase() === '.mp4' && video === undefined && format === undefined)
    return { video: out, noRows: true };
  return { format: format === undefined ? undefined : parseFormatName(format), rows: out, video };
}

/** @throws TrackerError OPTION_INVALID */
function debugOf({ debug, debugEvery }: TrackOptions): Pick<TrackRequest, 'debug'> {
  if (debugEvery === undefined) return debug === undefined ? {} : { debug: { folder: debug } };
  const every = parseWhole('--debug-every', debugEvery);
  if (debug === undefined || every === 0) {
    const found = debug === undefined ? 'without --debug' : '0';
    throw new TrackerError('OPTION_INVALID', `--debug-every: found ${found}, expected --debug DIR and 1 or more`, {
      hint: 'for example --debug out --debug-every 10',
    });
  }
  return { debug: { folder: debug, every } };
}
