/** Layouts that are learned from, made small: COCO, ImageNet VID, masks. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mixFootage, parseSource, readSource } from '../../src/training/mixture.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'layouts-'));
});
afterAll(() => rm(root, { recursive: true }));

const SIZE = { width: 32, height: 24 };

/** @param rectangles x, y, w, h and colour of each */
async function picture(
  file: string,
  rectangles: readonly [number, number, number, number, string][] = [],
): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const canvas = sharp({ create: { ...SIZE, channels: 3, background: '#000000' } });
  const parts = await Promise.all(
    rectangles.map(async ([left, top, width, height, background]) => ({
      input: await sharp({ create: { width, height, channels: 3, background } })
        .png()
        .toBuffer(),
      left,
      top,
    })),
  );
  const made = canvas.composite(parts);
  await (file.endsWith('.png') ? made.png({ palette: true }) : made.jpeg()).toFile(file);
}

const said: string[] = [];
const read = (folder: string, weight = 1) =>
  readSource({ path: path.join(root, folder), weight }, (text) => said.push(text));

describe('COCO', () => {
  const write = async (folder: string, split: string, images: string): Promise<void> => {
    const file = path.join(root, folder, 'annotations', `instances_${split}.json`);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(
      file,
      JSON.stringify({
        images: [
          { id: 7, file_name: 'a.jpg', ...SIZE },
          { id: 9, file_name: 'b.jpg', ...SIZE },
        ],
        annotations: [
          { id: 1, image_id: 9, category_id: 1, bbox: [2, 3, 10, 8], iscrowd: 0 },
          { id: 2, image_id: 9, category_id: 1, bbox: [0, 0, 30, 20], iscrowd: 1 },
          { id: 3, image_id: 7, category_id: 2, bbox: [1.5, 2, 4, 5], iscrowd: 0 },
        ],
      }),
    );
    for (const name of ['a.jpg', 'b.jpg']) await picture(path.join(root, folder, images, name));
  };

  it('gives photographs with their boxes, crowds left out, of the training split alone', async () => {
    await write('coco', 'train2017', 'train2017');
    await write('coco', 'val2017', 'val2017');
    const { photos, sequences } = await read('coco', 2);
    expect(sequences).toEqual([]);
    const file = (name: string): string => path.join(root, 'coco/train2017', name);
    const own = { ...SIZE, origin: 'coco', weight: 2 };
    expect(photos).toEqual([
      { file: file('a.jpg'), boxes: [{ x: 1.5, y: 2, w: 4, h: 5 }], ...own },
      { file: file('b.jpg'), boxes: [{ x: 2, y: 3, w: 10, h: 8 }], ...own },
    ]);
  });

  it('finds the images in a folder of images too, and says where they are missing', async () => {
    await write('coco-images', 'minitrain', 'images/minitrain');
    expect((await read('coco-images')).photos).toHaveLength(2);
    await rm(path.join(root, 'coco-images/images/minitrain/a.jpg'));
    await expect(read('coco-images')).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining('a.jpg') as string,
    });
  });

  it('refuses a file that is no COCO', async () => {
    await mkdir(path.join(root, 'no-coco/annotations'), { recursive: true });
    await writeFile(path.join(root, 'no-coco/annotations/instances_train.json'), '{"images": 3}');
    await mkdir(path.join(root, 'no-coco/train'));
    await expect(read('no-coco')).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining('annotations') as string,
    });
  });
});

describe('ImageNet VID', () => {
  const object = (track: number, [xmin, ymin, xmax, ymax]: readonly number[]): string =>
    `<object><trackid>${track}</trackid><name>n1</name><bndbox><xmax>${xmax}</xmax><xmin>${xmin}</xmin><ymax>${ymax}</ymax><ymin>${ymin}</ymin></bndbox></object>`;
  const write = async (folder: string, frames: readonly string[]): Promise<void> => {
    const at = (part: string): string => path.join(root, folder, part, 'VID/train/part_0/video_1');
    await mkdir(at('Annotations'), { recursive: true });
    for (const [i, objects] of frames.entries()) {
      const name = String(i).padStart(6, '0');
      await writeFile(
        path.join(at('Annotations'), `${name}.xml`),
        `<annotation><size><width>32</width></size>${objects}</annotation>`,
      );
      await picture(path.join(at('Data'), `${name}.JPEG`));
    }
  };

  it('gives one sequence a track, absent where the track is not', async () => {
    await write('vid', [
      object(0, [1, 2, 10, 11]),
      object(0, [2, 2, 11, 11]) + object(1, [5, 5, 8, 9]),
      object(1, [6, 5, 9, 9]),
    ]);
    const { sequences } = await read('vid');
    expect(sequences.map(({ name, boxes, group, origin }) => ({ name, boxes, group, origin }))).toEqual([
      {
        name: 'video_1_0',
        group: 'video_1',
        origin: 'vid',
        boxes: [{ x: 1, y: 2, w: 10, h: 10 }, { x: 2, y: 2, w: 10, h: 10 }, undefined],
      },
      {
        name: 'video_1_1',
        group: 'video_1',
        origin: 'vid',
        boxes: [undefined, { x: 5, y: 5, w: 4, h: 5 }, { x: 6, y: 5, w: 4, h: 5 }],
      },
    ]);
  });

  it('names a file that is broken', async () => {
    await write('vid-broken', ['<object><trackid>0</trackid>']);
    await expect(read('vid-broken')).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining('000000.xml') as string,
    });
  });
});

describe('masks', () => {
  it.each(['480p', ''])('give the extent of each colour in each frame (%s)', async (resolution) => {
    const folder = `masks${resolution}`;
    const at = (part: string, name: string): string => path.join(root, folder, part, resolution, 'bear', name);
    for (const name of ['00000', '00001', '00002']) await picture(at('JPEGImages', `${name}.jpg`));
    await picture(at('Annotations', '00000.png'), [[3, 4, 8, 6, '#800000']]);
    await picture(at('Annotations', '00002.png'), [
      [5, 4, 8, 6, '#800000'],
      [20, 10, 5, 7, '#008000'],
    ]);
    const { sequences } = await read(folder);
    expect(sequences.map(({ name, boxes, group }) => ({ name, boxes, group }))).toEqual([
      { name: 'bear_1', group: 'bear', boxes: [{ x: 3, y: 4, w: 8, h: 6 }, undefined, { x: 5, y: 4, w: 8, h: 6 }] },
      { name: 'bear_2', group: 'bear', boxes: [undefined, undefined, { x: 20, y: 10, w: 5, h: 7 }] },
    ]);
  });
});

it('reads folders of the layouts that evaluate knows, such as GOT-10k', async () => {
  const folder = path.join(root, 'got10k/train/GOT-10k_Train_000001');
  for (const name of ['00000001.jpg', '00000002.jpg']) await picture(path.join(folder, name));
  await writeFile(path.join(folder, 'groundtruth.txt'), '1,2,10,10\n2,2,10,10\n');
  await writeFile(path.join(root, 'got10k/train/list.txt'), 'GOT-10k_Train_000001\n');
  const { sequences } = await read('got10k', 0.5);
  expect(sequences).toMatchObject([{ boxes: [{ x: 1 }, { x: 2 }], origin: 'got10k', weight: 0.5 }]);
});

it('says what a folder that holds nothing of the kind should hold', async () => {
  await mkdir(path.join(root, 'empty'));
  await expect(read('empty')).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
});

it('takes DIR and DIR=WEIGHT', () => {
  expect(parseSource('a/b')).toEqual({ path: 'a/b', weight: 1 });
  expect(parseSource('a=b/c=0.5')).toEqual({ path: 'a=b/c', weight: 0.5 });
  for (const wrong of ['a=', 'a=x', 'a=0', 'a=-1', '=2']) expect(() => parseSource(wrong)).toThrow(/DIR=WEIGHT/);
});

it('mixes all parts', () => {
  const part = { sequences: [], photos: [{ file: 'a', ...SIZE, boxes: [] }] };
  expect(mixFootage([part, part]).photos).toHaveLength(2);
});
