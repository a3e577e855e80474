/** OTB-50 and OTB-100 (Wu, Lim, Yang, TPAMI 2015), and sets that came with the same layout: DTB70, TColor-128. */
import path from 'node:path';
import { readGroundTruth } from './ground-truth.js';
import { readList } from '../io/number-rows.js';
import { imagesInFolder } from '../video/images.js';
import { exists, filesIn, foldersIn, imageSequence, oneOf, required, type Dataset } from './layout.js';

/** The 50 of tb50: names of its folders; Skating2 counts twice. */
const TB50: readonly string[] = (
  'Basketball Biker Bird1 BlurBody BlurCar2 BlurFace BlurOwl Bolt Box Car1 Car4 CarDark CarScale ClifBar Couple Crowds David Deer Diving ' +
  'DragonBaby Dudek Football Freeman4 Girl Human3 Human4 Human6 Human9 Ironman Jump Jumping Liquor Matrix MotorRolling Panda RedTeam Shaking ' +
  'Singer2 Skating1 Skating2 Skiing Soccer Surfer Sylvester Tiger2 Trellis Walking Walking2 Woman'
).split(' ');

/** Image (from 0) that the annotation's first row belongs to, where that is not the first one. */
const FIRST_IMAGE: Readonly<Record<string, number>> = { David: 299 };

/** Human4's first annotation file is empty: the object is the second one's. */
const ANNOTATION: Readonly<Record<string, string>> = { Human4: 'groundtruth_rect.2.txt' };

/** "Jogging.2" -> folder and annotation file. */
function placeOf(sequence: string): { folder: string; file: string } {
  const [, folder, object] = /^(.*?)(?:\.(\d))?$/.exec(sequence)!;
  return {
    folder: folder!,
    file: object === undefined ? (ANNOTATION[folder!] ?? 'groundtruth_rect.txt') : `groundtruth_rect.${object}.txt`,
  };
}

/** Sequences of one folder: two where it has two annotated objects. */
async function sequencesOf(root: string, folder: string): Promise<string[]> {
  if (await exists(path.join(root, folder, placeOf(folder).file))) return [folder];
  const objects = await filesIn(path.join(root, folder), '.txt');
  return objects.flatMap((name) => {
    const [, object] = /^groundtruth_rect\.(\d)$/.exec(name) ?? [];
    return object === undefined ? [] : [`${folder}.${object}`];
  });
}

function otb(name: string, title: string, belongs: (folder: string) => boolean): Dataset {
  const dataset: Dataset = {
    name,
    title,
    protocol: 'otb',
    layout: 'ROOT/SEQ/img/%04d.jpg and ROOT/SEQ/groundtruth_rect.txt (or .1.txt and .2.txt)',
    async list(root) {
      const folders = (await foldersIn(root)).filter(belongs);
      return required((await Promise.all(folders.map((folder) => sequencesOf(root, folder)))).flat(), root, dataset);
    },
    async read(root, sequence) {
      const { folder, file } = placeOf(sequence);
      const boxes = await readGroundTruth(await oneOf(path.join(root, folder), [file], dataset));
      return imageSequence(sequence, path.join(root, folder, 'img'), boxes, { start: FIRST_IMAGE[folder] ?? 0 });
    },
  };
  return dataset;
}

const tcolor: Dataset = {
  name: 'tcolor128',
  title: 'TColor-128',
  protocol: 'otb',
  layout: 'ROOT/SEQ/img/%04d.jpg, ROOT/SEQ/SEQ_gt.txt and ROOT/SEQ/SEQ_frames.txt (first,last)',
  async list(root) {
    const folders = await foldersIn(root);
    const annotated = await Promise.all(folders.map((name) => exists(path.join(root, name, `${name}_gt.txt`))));
    return required(
      folders.filter((_, i) => annotated[i]),
      root,
      tcolor,
    );
  },
  async read(root, name) {
    const folder = path.join(root, name);
    const boxes = await readGroundTruth(await oneOf(folder, [`${name}_gt.txt`], tcolor));
    const range = path.join(folder, `${name}_frames.txt`);
    const first = (await exists(range)) ? ((await readList(range))[0] ?? 1) : 1;
    const images = await imagesInFolder(path.join(folder, 'img')).catch(() => []);
    const start = Math.max(
      0,
      images.findIndex((image) => Number(path.parse(image).name) === first),
    );
    return imageSequence(name, path.join(folder, 'img'), boxes, { start });
  },
};

const tb50 = new Set(TB50);

export const OTB: readonly Dataset[] = [
  otb('otb50', 'OTB-50 (tb50)', (folder) => tb50.has(folder)),
  otb('otb100', 'OTB-100 (OTB-2015)', () => true),
  otb('dtb70', 'DTB70', () => true),
  tcolor,
];
