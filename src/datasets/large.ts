/** TrackingNet and GOT-10k: large sets whose test annotations a server keeps, all but the first box. */
import path from 'node:path';
import { readGroundTruth } from './ground-truth.js';
import { readList } from '../io/number-rows.js';
import { readTextFile } from '../io/text-file.js';
import type { AnnotatedSequence } from './types.js';
import {
  exists,
  filesIn,
  foldersIn,
  imageSequence,
  oneOf,
  padded,
  readNames,
  required,
  type Dataset,
} from './layout.js';

function trackingNet(name: string, title: string, chunk: RegExp): Dataset {
  const dataset: Dataset = {
    name,
    title,
    protocol: 'trackingnet',
    layout: 'ROOT/TEST (or TRAIN_0 ... TRAIN_11) with frames/VIDEO/N.jpg and anno/VIDEO.txt',
    async list(root) {
      const chunks = (await foldersIn(root)).filter((folder) => chunk.test(folder));
      const videos = await Promise.all(chunks.map((folder) => filesIn(path.join(root, folder, 'anno'), '.txt')));
      return required(videos.flat(), root, dataset);
    },
    async read(root, video) {
      const chunks = (await foldersIn(root)).filter((folder) => chunk.test(folder));
      const annotations = chunks.map((folder) => path.join(folder, 'anno', `${video}.txt`));
      const annotation = await oneOf(root, annotations, dataset);
      const frames = path.join(path.dirname(annotation), '..', 'frames', video);
      return imageSequence(video, frames, await padded(await readGroundTruth(annotation), frames));
    },
  };
  return dataset;
}

function got10k(split: 'train' | 'val' | 'test'): Dataset {
  const dataset: Dataset = {
    name: `got10k-${split}`,
    title: `GOT-10k, ${split}`,
    protocol: 'got10k',
    layout: `ROOT/${split}/list.txt and ROOT/${split}/SEQ/%08d.jpg with groundtruth.txt, absence.label, cover.label, meta_info.ini`,
    async list(root) {
      const folder = path.join(root, split);
      return required((await readNames(path.join(folder, 'list.txt'))) ?? (await foldersIn(folder)), folder, dataset);
    },
    async read(root, name) {
      const folder = path.join(root, split, name);
      const boxes = await padded(await readGroundTruth(path.join(folder, 'groundtruth.txt')), folder);
      const meta = await readMeta(path.join(folder, 'meta_info.ini'));
      const absent = await readAbsence(folder);
      return imageSequence(name, folder, boxes, { ...meta, absent });
    },
  };
  return dataset;
}

/** The protocol leaves out frames with cover 0; absence.label says nearly the same and is read where cover.label is not there. */
async function readAbsence(folder: string): Promise<boolean[] | undefined> {
  const cover = path.join(folder, 'cover.label');
  if (await exists(cover)) return Array.from(await readList(cover), (value) => value === 0);
  const absence = path.join(folder, 'absence.label');
  return (await exists(absence)) ? Array.from(await readList(absence), (value) => value === 1) : undefined;
}

/** Image size and classes of meta_info.ini; nothing where it is not there. */
async function readMeta(file: string): Promise<Pick<AnnotatedSequence, 'size' | 'attributes'>> {
  if (!(await exists(file))) return {};
  const text = await readTextFile(file, { what: 'file' });
  const value = (key: string): string | undefined =>
    new RegExp(String.raw`^${key}\s*[:=]\s*(.+?)\s*$`, 'm').exec(text)?.[1];
  const [, width, height] = /(\d+)\D+(\d+)/.exec(value('resolution') ?? '') ?? [];
  const attributes = ['object_class', 'motion_class'].flatMap((key) => value(key) ?? []);
  return {
    size: width === undefined || height === undefined ? undefined : { width: Number(width), height: Number(height) },
    attributes: attributes.length > 0 ? attributes : undefined,
  };
}

export const LARGE: readonly Dataset[] = [
  trackingNet('trackingnet', 'TrackingNet, 511 test videos', /^TEST$/),
  trackingNet('trackingnet-train', 'TrackingNet, training chunks', /^TRAIN_\d+$/),
  got10k('test'),
  got10k('val'),
  got10k('train'),
];
