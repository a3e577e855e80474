/** Sets with one folder a sequence: VOT, NfS, AVisT, TNL2K, and plain folders of your own. */
import path from 'node:path';
import { checkFlags, readGroundTruth, type GroundTruth } from './ground-truth.js';
import { TrackerError } from '../errors.js';
import { readList } from '../io/number-rows.js';
import { readTextFile, splitLines } from '../io/text-file.js';

import {
  checkLink,
  exists,
  filesIn,
  foldersIn,
  imageSequence,
  oneOf,
  readNames,
  required,
  type Dataset,
} from './layout.js';

/** Folders below root that hold one of some files, and links that lead nowhere: reading one says so. */
async function foldersWith(root: string, files: readonly string[]): Promise<string[]> {
  const folders = await foldersIn(root);
  const found = await Promise.all(
    folders.map(async (name) => {
      const wanted = ['.', ...files].map((file) => exists(path.join(root, name, file)));
      const [isThere, ...holds] = await Promise.all(wanted);
      return !isThere || holds.includes(true);
    }),
  );
  return folders.filter((_, i) => found[i]);
}

export const FOLDER: Dataset = {
  name: 'folder',
  title: 'plain folders of your own',
  protocol: 'ope',
  layout: 'ROOT/SEQ/groundtruth.txt (x,y,w,h a frame, NaN where absent) beside video.mp4 or img/',
  async list(root) {
    return required(await foldersWith(root, ['groundtruth.txt']), root, FOLDER);
  },
  async read(root, name) {
    const at = path.join(root, name);
    await checkLink(at);
    const boxes = await readGroundTruth(path.join(at, 'groundtruth.txt'));
    const source = await oneOf(at, ['video.mp4', 'img'], FOLDER);
    return source.endsWith('img') ? imageSequence(name, source, boxes) : { name, source, start: 0, ...boxes };
  },
};

const vot: Dataset = {
  name: 'vot',
  title: 'VOT, short-term, rectangles and polygons',
  protocol: 'ope',
  layout:
    'ROOT/SEQ/groundtruth.txt (4 or 8 numbers a line) beside color/%08d.jpg (or the images themselves), ROOT/list.txt',
  async list(root) {
    return required(
      (await readNames(path.join(root, 'list.txt'))) ?? (await foldersWith(root, ['groundtruth.txt'])),
      root,
      vot,
    );
  },
  async read(root, name) {
    const at = path.join(root, name);
    const boxes = await readGroundTruth(await oneOf(at, ['groundtruth.txt'], vot));
    return imageSequence(name, await oneOf(at, ['color', '.'], vot), boxes);
  },
};

const votRestarts: Dataset = {
  ...vot,
  name: 'vot-restarts',
  title: 'VOT, short-term, with restarts',
  protocol: 'vot-restarts',
  restarts: true,
};

/** Parses native files of NFS, 240 rows a second: number, left, top, right, bottom, ... @param every rows a frame of the video */
function parseNfs(text: string, every: number, where: string): GroundTruth {
  const lines = splitLines(text).filter((line) => line.trim() !== '');
  const kept = lines.filter((_, i) => i % every === 0);
  const truth = new Float64Array(4 * kept.length);
  for (const [i, line] of kept.entries()) {
    const [, left, top, right, bottom] = line.trim().split(/\s+/).map(Number);
    const width = right! - left!;
    const height = bottom! - top!;
    if (Number.isNaN(width + height)) {
      throw new TrackerError(
        'DATA_INVALID',
        `${where}, line ${i * every + 1}: found "${line.slice(0, 60)}", expected number left top right bottom`,
        {
          hint: 'fetch the annotations again',
        },
      );
    }
    truth.set([left!, top!, width, height], 4 * i);
  }
  return { truth };
}

function nfs(fps: 30 | 240): Dataset {
  const dataset: Dataset = {
    name: `nfs${fps}`,
    title: `Need for Speed, ${fps} frames a second`,
    protocol: 'nfs',
    layout: `ROOT/SEQ/${fps}/SEQ/%05d.jpg and ROOT/SEQ/${fps}/SEQ.txt, or ROOT/sequences/SEQ/%05d.jpg and ROOT/anno/nfs_SEQ.txt`,
    async list(root) {
      const converted = await filesIn(path.join(root, 'anno'), '.txt');
      if (converted.length > 0) return converted.map((name) => name.replace(/^nfs_/, ''));
      const folders = await foldersIn(root);
      const found = await Promise.all(folders.map((name) => exists(path.join(root, name, String(fps), `${name}.txt`))));
      return required(
        folders.filter((_, i) => found[i]),
        root,
        dataset,
      );
    },
    async read(root, name) {
      const converted = path.join(root, 'anno', `nfs_${name}.txt`);
      if (await exists(converted))
        return imageSequence(name, path.join(root, 'sequences', name), await readGroundTruth(converted));
      const annotation = await oneOf(root, [path.join(name, String(fps), `${name}.txt`)], dataset);
      const boxes = parseNfs(await readTextFile(annotation, { what: 'annotation' }), 240 / fps, annotation);
      return imageSequence(name, path.join(root, name, String(fps), name), boxes);
    },
  };
  return dataset;
}

const avist: Dataset = {
  name: 'avist',
  title: 'AVisT',
  protocol: 'lasot-pytracking',
  layout:
    'ROOT/sequences/SEQ/img_%05d.jpg, ROOT/anno/SEQ.txt, ROOT/full_occlusion/SEQ_full_occlusion.txt, ROOT/out_of_view/SEQ_out_of_view.txt',
  async list(root) {
    const at = path.join(root, 'anno');
    return required(await filesIn(at, '.txt'), at, avist);
  },
  async read(root, name) {
    const boxes = await readGroundTruth(await oneOf(root, [path.join('anno', `${name}.txt`)], avist));
    const frames = boxes.truth.length / 4;
    const flags = await Promise.all(
      ['full_occlusion', 'out_of_view'].map(async (kind) => {
        const file = path.join(root, kind, `${name}_${kind}.txt`);
        return (await exists(file)) ? checkFlags(await readList(file), frames, file) : [];
      }),
    );
    const absent = Array.from({ length: frames }, (_, i) => flags.some((flag) => flag[i] === true));
    return imageSequence(name, path.join(root, 'sequences', name), boxes, { absent });
  },
};

const tnl2k: Dataset = {
  name: 'tnl2k',
  title: 'TNL2K, 700 test sequences',
  protocol: 'lasot-pytracking',
  layout: 'ROOT/SEQ/imgs and ROOT/SEQ/groundtruth.txt',
  async list(root) {
    return required(await foldersWith(root, ['imgs']), root, tnl2k);
  },
  async read(root, name) {
    const at = path.join(root, name);
    return imageSequence(
      name,
      path.join(at, 'imgs'),
      await readGroundTruth(await oneOf(at, ['groundtruth.txt'], tnl2k)),
    );
  },
};

export const SINGLE: readonly Dataset[] = [nfs(30), nfs(240), vot, votRestarts, avist, tnl2k, FOLDER];
