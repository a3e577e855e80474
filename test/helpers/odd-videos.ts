/** Videos that are not what their headers say, made by the ffmpeg that is there, and the frames that a player shows of each. */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import type { Size } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { findBinaries, passthroughOption } from '../../src/video/binaries.js';
import type { PixelAspect } from '../../src/video/probe.js';
import { hideRate, runFfmpeg, setEdits, setMatrix, type Edit, type Matrix } from './video.js';

export type Corner = 'left top' | 'right top' | 'left bottom' | 'right bottom';

/** What is known of a video, however it is read. */
export interface Shown extends Size {
  /** The number that each frame shows. */
  readonly numbers: readonly number[];
  /** Seconds from the first frame. */
  readonly times: readonly number[];
  readonly pixelAspect: PixelAspect;
  /** Where the mark is that was made in the left top corner of the stored picture. */
  readonly corner: Corner;
}

export interface OddVideo {
  readonly name: string;
  /** @returns the path of the video. @throws Error where this ffmpeg cannot make it */
  make(folder: string): Promise<string>;
  readonly shown: Shown;
  /** The stream that is asked for; left out: none is. */
  readonly stream?: number;
  /** What is said of it aloud; left out: nothing. */
  readonly warning?: RegExp;
}

const [WIDTH, HEIGHT, FRAMES, FPS] = [160, 120, 12, 25];
/** Luma of frame i is 16 + STEP i, and 235 in the mark. */
const STEP = 12;
const MARK = { width: 40, height: 30 };

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** As it is stored, so many frames at a constant rate: the ground on which each video differs. */
const plain = (changes: Partial<Shown> = {}): Shown => {
  const numbers = changes.numbers ?? upTo(FRAMES);
  const times = numbers.map((_, i) => i / FPS);
  return { numbers, times, width: WIDTH, height: HEIGHT, pixelAspect: [1, 1], corner: 'left top', ...changes };
};

interface Shot extends Partial<Size> {
  /** Time of frame N in frames, an ffmpeg expression. */
  readonly times?: string;
  /** Filters after the picture is drawn. */
  readonly filter?: string;
  /** Number of the first frame. */
  readonly from?: number;
  readonly frames?: number;
  readonly output?: readonly string[];
}

const X264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '10', '-g', '100', '-bf', '2', '-sc_threshold', '0'];
const VP8 = ['-c:v', 'libvpx', '-b:v', '2M', '-deadline', 'realtime', '-auto-alt-ref', '0'];

const NO_EDITS = ['-use_editlist', '0'];

async function shoot(file: string, shot: Shot = {}, encoder: readonly string[] = X264): Promise<void> {
  const { width = WIDTH, height = HEIGHT, times = 'N', filter = 'null', from = 0, frames = FRAMES, output = [] } = shot;
  const mark = String.raw`if(lt(X\,W*${MARK.width / WIDTH})*lt(Y\,H*${MARK.height / HEIGHT})\,235\,16+${STEP}*(N+${from}))`;
  const drawn = `nullsrc=s=${width}x${height}:r=${FPS}:d=${frames / FPS},geq=lum=${mark}:cb=128:cr=128`;
  const timed = `settb=1/1000,setpts=round((${times})*${1000 / FPS}),${filter},format=yuv420p`;
  const { ffmpeg } = await findBinaries();
  const input = ['-f', 'lavfi', '-i', `${drawn},${timed}`];
  // older builds write the last frame of a varying rate so that it does not play
  const varies =
    times === 'N' ? [] : ['-enc_time_base', '1:1000', '-bf', '0', ...(file.endsWith('.mp4') ? NO_EDITS : [])];
  await runFfmpeg([...input, ...passthroughOption(ffmpeg), ...encoder, ...varies, ...output, file]);
}

/** The same stream in another file. */
const copy = (from: string, to: string, before: readonly string[] = [], after: readonly string[] = []) =>
  runFfmpeg([...before, '-i', from, '-c', 'copy', ...after, to]);

const SOUND = (seconds: number): string[] => ['-f', 'lavfi', '-i', `sine=d=${seconds}`];

/** A folder of pictures, of which one has another size. */
async function makePictures(folder: string): Promise<string> {
  const pictures = path.join(folder, 'pictures');
  await mkdir(pictures);
  for (const number of upTo(6)) {
    const [width, height] = number === 4 ? [80, 60] : [WIDTH, HEIGHT];
    const grey = Math.round((STEP * number * 255) / 219);
    const mark = { create: { width: width / 4, height: height / 4, channels: 3, background: 'white' } } as const;
    await sharp({ create: { width, height, channels: 3, background: { r: grey, g: grey, b: grey } } })
      .composite([{ input: await sharp(mark).png().toBuffer(), left: 0, top: 0 }])
      .png()
      .toFile(path.join(pictures, `${number}.png`));
  }
  return pictures;
}

interface Turn {
  readonly name: string;
  readonly matrix: Matrix;
  readonly corner: Corner;
  readonly isQuarter: boolean;
}

const TURNS: readonly Turn[] = [
  { name: 'turned by 90 degrees', matrix: [0, 1, -1, 0], corner: 'right top', isQuarter: true },
  { name: 'turned by 180 degrees', matrix: [-1, 0, 0, -1], corner: 'right bottom', isQuarter: false },
  { name: 'turned by 270 degrees', matrix: [0, -1, 1, 0], corner: 'left bottom', isQuarter: true },
  { name: 'mirrored left to right', matrix: [-1, 0, 0, 1], corner: 'right top', isQuarter: false },
  { name: 'mirrored top to bottom', matrix: [1, 0, 0, -1], corner: 'left bottom', isQuarter: false },
  { name: 'mirrored and turned by 90 degrees', matrix: [0, 1, 1, 0], corner: 'left top', isQuarter: true },
  { name: 'mirrored and turned by 270 degrees', matrix: [0, -1, -1, 0], corner: 'right bottom', isQuarter: true },
];

/** With pixels that are no squares: width and height change places, and so do those of a pixel. */
function turnedVideo({ name, matrix, corner, isQuarter }: Turn): OddVideo {
  return {
    name: `a display matrix: ${name}`,
    async make(folder) {
      const file = path.join(folder, 'turned.mp4');
      await shoot(file, { filter: 'setsar=64/45' });
      await setMatrix(file, matrix);
      return file;
    },
    shown: isQuarter
      ? plain({ width: HEIGHT, height: WIDTH, pixelAspect: [45, 64], corner })
      : plain({ pixelAspect: [64, 45], corner }),
  };
}

function editedVideo(name: string, edits: readonly Edit[], numbers: readonly number[]): OddVideo {
  return {
    name: `an edit list ${name}`,
    async make(folder) {
      const file = path.join(folder, 'edited.mp4');
      await shoot(file);
      await setEdits(file, edits);
      return file;
    },
    shown: plain({ numbers }),
  };
}

/** Two streams; the numbers of the second begin at 4, it is half as large, and is the default one where that is asked. */
async function makeStreams(file: string, defaultStream: number): Promise<string> {
  const [first, second] = [`${file}.1.mp4`, `${file}.2.mp4`];
  await shoot(first);
  await shoot(second, { from: 4, frames: 8, width: WIDTH / 2, height: HEIGHT / 2 });
  const dispositions = [0, 1].flatMap((i) => [`-disposition:v:${i}`, i === defaultStream ? 'default' : '0']);
  await runFfmpeg(['-i', first, '-i', second, '-map', '0:v', '-map', '1:v', '-c', 'copy', ...dispositions, file]);
  return file;
}

const SECOND_STREAM = plain({ numbers: upTo(8).map((i) => i + 4), width: WIDTH / 2, height: HEIGHT / 2 });
const TWO_STREAMS = /2 video streams .*--stream/;

/** Written by ffmpeg and, where that is not enough, changed by hand. */
export const ODD_VIDEOS: readonly OddVideo[] = [
  {
    name: 'an edit list that begins between key frames',
    async make(folder) {
      await shoot(path.join(folder, 'whole.mp4'));
      await copy(path.join(folder, 'whole.mp4'), path.join(folder, 'edit.mp4'), ['-ss', '0.2']);
      return path.join(folder, 'edit.mp4');
    },
    shown: plain({ numbers: upTo(FRAMES).slice(5) }),
  },
  editedVideo('that ends before the last frame', [[0, 0.28]], upTo(7)),
  editedVideo(
    'of two parts',
    [
      [0.04, 0.12],
      [0.28, 0.16],
    ],
    [1, 2, 3, 7, 8, 9, 10],
  ),
  {
    name: 'an edit list that lets the picture begin after the sound, which is longer',
    async make(folder) {
      await shoot(path.join(folder, 'whole.mp4'));
      const input = ['-itsoffset', '0.6', '-i', path.join(folder, 'whole.mp4'), ...SOUND(3)];
      await runFfmpeg([...input, '-map', '0', '-map', '1', '-c:v', 'copy', path.join(folder, 'late.mp4')]);
      return path.join(folder, 'late.mp4');
    },
    shown: plain(),
  },
  {
    name: "a browser's recording: no duration, no rate",
    async make(folder) {
      const file = path.join(folder, 'recorded.webm');
      await shoot(file, { times: 'N+0.2*mod(N*N\\,3)', output: ['-live', '1'] }, VP8);
      await hideRate(file);
      return file;
    },
    shown: plain({ times: upTo(FRAMES).map((i) => (i + 0.2 * ((i * i) % 3)) / FPS) }),
  },
  {
    name: 'an MP4 in fragments, without a number of frames',
    async make(folder) {
      const file = path.join(folder, 'fragments.mp4');
      await shoot(file, { output: ['-movflags', 'frag_keyframe+empty_moov'] });
      return file;
    },
    shown: plain(),
  },
  ...TURNS.map(turnedVideo),
  {
    name: 'a rate that varies, and a last frame that is shown for long',
    async make(folder) {
      const file = path.join(folder, 'varies.mp4');
      await shoot(file, { times: 'if(lt(N\\,8)\\,N\\,8*N-56)' });
      return file;
    },
    shown: plain({ times: upTo(FRAMES).map((i) => (i < 8 ? i : 8 * i - 56) / FPS) }),
  },
  {
    name: 'a rate that is not the one in the header',
    async make(folder) {
      const file = path.join(folder, 'varies.mkv');
      await shoot(file, { times: 'N*N/4' });
      return file;
    },
    shown: plain({ times: upTo(FRAMES).map((i) => (i * i) / 4 / FPS) }),
  },
  {
    name: 'times that begin before 0',
    async make(folder) {
      const [whole, file] = [path.join(folder, 'whole.mkv'), path.join(folder, 'negative.ts')];
      await shoot(whole);
      await copy(whole, file, ['-itsoffset', '-1'], ['-avoid_negative_ts', 'disabled', '-muxdelay', '0']);
      return file;
    },
    shown: plain(),
  },
  {
    name: 'two streams, the second is the default',
    make: (folder) => makeStreams(path.join(folder, 'streams.mkv'), 1),
    shown: SECOND_STREAM,
    warning: TWO_STREAMS,
  },
  {
    name: 'two streams, the smaller one is asked for',
    make: (folder) => makeStreams(path.join(folder, 'streams.mp4'), 0),
    shown: SECOND_STREAM,
    stream: 1,
  },
  {
    name: 'a cover picture before the video',
    async make(folder) {
      const [whole, cover] = [path.join(folder, 'whole.mp4'), path.join(folder, 'cover.png')];
      await shoot(whole);
      await runFfmpeg(['-f', 'lavfi', '-i', 'color=red:s=640x480:d=0.04', '-frames:v', '1', cover]);
      const file = path.join(folder, 'cover.mp4');
      const maps = ['-map', '1', '-map', '0', '-c', 'copy', '-disposition:v:0', 'attached_pic'];
      await runFfmpeg(['-i', whole, '-i', cover, ...maps, file]);
      return file;
    },
    shown: plain(),
  },
  {
    name: 'a change of size on the way',
    async make(folder) {
      const [first, second] = [path.join(folder, 'a.ts'), path.join(folder, 'b.ts')];
      const output = ['-bf', '0'];
      await shoot(first, { frames: 8, output });
      const later = [...output, '-output_ts_offset', String(8 / FPS)];
      await shoot(second, { from: 8, frames: 4, width: WIDTH / 2, height: HEIGHT / 2, output: later });
      await appendFile(first, await readFile(second));
      return first;
    },
    shown: plain(),
    warning: /from frame 8 on the picture is 80 x 60, not 160 x 120/,
  },
  {
    name: 'a folder with a picture of another size',
    make: makePictures,
    shown: plain({ numbers: upTo(6) }),
    warning: /frame 4 \(4\.png\) has 80 x 60 pixels/,
  },
  {
    name: 'a file that was cut off',
    async make(folder) {
      const file = path.join(folder, 'cut.avi');
      await shoot(file, {}, ['-c:v', 'rawvideo']);
      const bytes = await readFile(file);
      const frame = (3 * WIDTH * HEIGHT) / 2;
      // in the middle of the eighth frame
      await writeFile(file, bytes.subarray(0, bytes.indexOf('movi') + 4 + 7.5 * (frame + 8)));
      return file;
    },
    shown: plain({ numbers: upTo(7) }),
    warning: /damaged or cut off/,
  },
];

/** What a frame shows. */
export function readPicture({ data, width, height }: Pick<Frame, 'data' | 'width' | 'height'>): {
  readonly number: number;
  readonly corner: Corner;
} {
  const mean = (x: number, y: number): number => {
    let sum = 0;
    for (let row = -2; row <= 2; row++)
      for (let column = -2; column <= 2; column++)
        sum += data[3 * ((Math.round(y * height) + row) * width + Math.round(x * width) + column)]!;
    return sum / 25;
  };
  const brightness = (['left top', 'right top', 'left bottom', 'right bottom'] as const).map((corner) => {
    const [x, y] = [corner.startsWith('left') ? 0.1 : 0.9, corner.endsWith('top') ? 0.1 : 0.9];
    return { corner, light: mean(x, y) };
  });
  const brightest = brightness.toSorted((a, b) => b.light - a.light)[0]!;
  return { number: Math.round(((mean(0.5, 0.4) / 255) * 219) / STEP), corner: brightest.corner };
}
