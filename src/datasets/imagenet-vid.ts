/** ImageNet VID: Data/VID/train/.../NAME/000000.JPEG with Annotations/VID/train/.../NAME/000000.xml; one sequence for each track. */
import path from 'node:path';
import { SaxesParser } from 'saxes';
import { messageOf, TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import { readTextFile } from '../io/text-file.js';
import { mapLimited } from '../limit.js';
import type { Sequence } from './footage.js';
import { exists, filesIn, foldersIn } from './layout.js';

const ANNOTATIONS = 'Annotations/VID/train';
const FRAMES = 'Data/VID/train';
const CORNERS = ['xmin', 'ymin', 'xmax', 'ymax'] as const;

export async function isImagenetVid(root: string): Promise<boolean> {
  return exists(path.join(root, ANNOTATIONS));
}

/** Tracks of one video are of one group. @throws TrackerError DATA_INVALID naming the file */
export async function readImagenetVid(root: string): Promise<Sequence[]> {
  const sequences: Sequence[] = [];
  for (const video of await videosBelow(path.join(root, ANNOTATIONS))) {
    const relative = path.relative(path.join(root, ANNOTATIONS), video);
    const frames = path.join(root, FRAMES, relative);
    if (!(await exists(frames))) {
      throw new TrackerError('DATA_INVALID', `${video}: its frames ${frames} are not there`, {
        hint: `expected ${FRAMES}/.../NAME/000000.JPEG beside ${ANNOTATIONS}/.../NAME/000000.xml`,
      });
    }
    const group = path.basename(video);
    for (const [track, boxes] of await readTracks(video)) {
      sequences.push({ name: `${group}_${track}`, video: frames, boxes, group });
    }
  }
  return sequences;
}

/** Folders that hold annotations, at any depth. */
async function videosBelow(folder: string): Promise<string[]> {
  const names = await foldersIn(folder);
  if (names.length === 0) return [folder];
  const below = await Promise.all(names.map((name) => videosBelow(path.join(folder, name))));
  return below.flat();
}

/** The boxes of each track, one a frame; undefined where it is not there. */
async function readTracks(video: string): Promise<Map<string, (FrameBox | undefined)[]>> {
  const names = (await filesIn(video, '.xml')).map((name) => path.join(video, `${name}.xml`));
  const frames = await mapLimited(names, async (file) =>
    parseObjects(await readTextFile(file, { what: 'annotation' }), file),
  );
  const tracks = new Map<string, (FrameBox | undefined)[]>();
  frames.forEach((objects, frame) => {
    for (const [track, box] of objects) {
      const boxes = tracks.get(track) ?? Array<FrameBox | undefined>(frames.length).fill(undefined);
      boxes[frame] = box;
      tracks.set(track, boxes);
    }
  });
  return tracks;
}

/** Track and box of each <object>; its corners count pixels, both included. */
function parseObjects(text: string, file: string): [string, FrameBox][] {
  const objects: [string, FrameBox][] = [];
  let fields: Record<string, string> = {};
  let value = '';
  const parser = new SaxesParser();
  parser.on('opentag', ({ name }) => {
    if (name === 'object') fields = {};
    value = '';
  });
  parser.on('text', (part) => (value += part));
  parser.on('closetag', ({ name }) => {
    fields[name] = value.trim();
    if (name !== 'object') return;
    const [left, top, right, bottom] = CORNERS.map((corner) => Number(fields[corner])) as [
      number,
      number,
      number,
      number,
    ];
    const box = { x: left, y: top, w: right - left + 1, h: bottom - top + 1 };
    const track = fields['trackid'];
    if (track === undefined || !Object.values(box).every(Number.isFinite)) {
      throw new Error(`an object lacks trackid or one of ${CORNERS.join(', ')}`);
    }
    objects.push([track, box]);
  });
  try {
    parser.write(text).close();
  } catch (cause) {
    throw new TrackerError('DATA_INVALID', `${file}: ${messageOf(cause)}`, { hint: 'fetch that file again', cause });
  }
  return objects;
}
