/**
 * Writes tracks of two objects, with losses and gaps, in every format, for check.py to read.
 *
 *   npx tsx tools/check-formats/write.ts FOLDER
 *
 * expected.json holds the rows; rendered.gray the frames that libass makes of the subtitles, 8 bit grey, on black.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FORMATS, FORMAT_NAMES, formatTracks, type Media, type TrackRow } from '../../src/io/tracks.js';
import { createRandom } from '../../src/random.js';
import type { TrackState } from '../../src/result.js';
import { findBinaries } from '../../src/video/binaries.js';
import { capture } from '../../src/video/command.js';

const FRAMES = 240;
const MEDIA: Media = { name: 'clip.mp4', width: 641, height: 360, fps: 30000 / 1001, frameCount: FRAMES };

/** Wanders about; lost for a while, and not there at all at its beginning and in a gap. */
function makeTrack(id: number, first: number): TrackRow[] {
  const random = createRandom(id);
  const rows: TrackRow[] = [];
  let [x, y, w, h] = [100 + 200 * id, 120, 60, 45];
  for (let frame = 0; frame < FRAMES; frame++) {
    [x, y] = [x + random.uniform() * 6 - 3, y + random.uniform() * 6 - 3];
    [w, h] = [w * (0.98 + 0.04 * random.uniform()), h * (0.98 + 0.04 * random.uniform())];
    if (frame < first || (frame >= 150 && frame < 160)) continue;
    const state: TrackState =
      frame >= 80 && frame < 95 ? 'lost' : frame === 95 ? 'found' : frame % 7 === 3 ? 'uncertain' : 'tracking';
    rows.push({ id, frame, time: frame / MEDIA.fps!, box: { x, y, w, h }, confidence: random.uniform(), state });
  }
  return rows;
}

async function render(folder: string): Promise<void> {
  const { ffmpeg } = await findBinaries();
  const subtitles = await readFile(path.join(folder, 'tracks.ass'), 'utf8');
  // without the words beside the boxes, and of the second object alone
  const boxes = subtitles.split('\n').filter((line) => !line.startsWith('Dialogue: 1') && !line.includes(',id=1 '));
  await writeFile(path.join(folder, 'boxes.ass'), boxes.join('\n'));
  const input = `color=black:s=${MEDIA.width}x${MEDIA.height}:r=30000/1001,format=rgb24`;
  const filter = `ass=${path.join(folder, 'boxes.ass').replaceAll(':', '\\:')},format=gray`;
  const output = ['-frames:v', String(FRAMES), '-f', 'rawvideo', '-y', path.join(folder, 'rendered.gray')];
  const { failure, stderr } = await capture(ffmpeg.path, [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-i',
    input,
    '-vf',
    filter,
    ...output,
  ]);
  if (failure !== undefined) throw new Error(stderr);
}

const folder = process.argv[2];
if (folder === undefined) throw new Error('name a folder');
await mkdir(folder, { recursive: true });
const rows = [...makeTrack(1, 0), ...makeTrack(2, 20)].toSorted((a, b) => a.frame - b.frame || a.id - b.id);
await writeFile(path.join(folder, 'expected.json'), JSON.stringify({ media: MEDIA, rows }));
for (const name of FORMAT_NAMES) {
  const file = path.join(folder, `tracks${FORMATS[name].endings[0]}`);
  await writeFile(file, formatTracks(rows, name, MEDIA));
}
await render(folder);
console.log(`wrote ${rows.length} rows in ${FORMAT_NAMES.length} formats to ${folder}`);
