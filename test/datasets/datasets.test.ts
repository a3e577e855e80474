import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { DATASETS, detectDatasets, findDataset } from '../../src/datasets/index.js';
import { LASOT_TEST } from '../../src/datasets/lasot.js';
import { makeTiff } from '../helpers/pictures.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'datasets-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A folder with these files; a number instead of text: so many empty images, named after the pattern from `1` (or `0`) on. */
async function place(files: Record<string, string | number>): Promise<string> {
  const root = await mkdtemp(path.join(folder, 'root-'));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    if (typeof content === 'string') await writeFile(file, content);
    else {
      for (let i = 0; i < content; i++) {
        await writeFile(
          file.replace(/%0?(\d*)d/, (_, digits: string) => String(i + 1).padStart(Number(digits || 1), '0')),
          '',
        );
      }
    }
  }
  return root;
}

const THREE = '1,2,3,4\n5,6,7,8\n9,10,11,12\n';
const BOXES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const nan = (n: number): number[] => Array.from({ length: n }, () => Number.NaN);

interface Case {
  readonly set: string;
  readonly files: Record<string, string | number>;
  readonly names: string[];
  readonly read: string;
  /** Below the root. */
  readonly source: string;
  readonly truth?: number[];
  readonly more?: object;
}

const CASES: readonly Case[] = [
  {
    set: 'lasot',
    files: {
      'airplane/airplane-1/img/%08d.jpg': 3,
      'airplane/airplane-1/groundtruth.txt': THREE,
      'airplane/airplane-1/full_occlusion.txt': '0,1,0',
      'airplane/airplane-1/out_of_view.txt': '0,0,1',
      'airplane/airplane-2/groundtruth.txt': THREE,
    },
    names: ['airplane-1'],
    read: 'airplane-1',
    source: 'airplane/airplane-1/img',
    more: { absent: [false, true, true] },
  },
  {
    set: 'lasot-train',
    files: { 'airplane-1/groundtruth.txt': THREE, 'airplane-2/groundtruth.txt': THREE, 'airplane-2/img/%08d.jpg': 3 },
    names: ['airplane-2'],
    read: 'airplane-2',
    source: 'airplane-2/img',
  },
  {
    set: 'lasot-ext',
    files: { 'atv/atv-1/groundtruth.txt': THREE, 'atv/atv-1/img/%08d.jpg': 3, 'cat/cat-1/groundtruth.txt': THREE },
    names: ['atv-1'],
    read: 'atv-1',
    source: 'atv/atv-1/img',
  },
  {
    set: 'trackingnet',
    files: { 'TEST/anno/v-1_0.txt': '1,2,3,4\n', 'TEST/frames/v-1_0/%d.jpg': 3, 'TRAIN_0/anno/w.txt': THREE },
    names: ['v-1_0'],
    read: 'v-1_0',
    source: 'TEST/frames/v-1_0',
    truth: [1, 2, 3, 4, ...nan(8)],
  },
  {
    set: 'trackingnet-train',
    files: { 'TRAIN_3/anno/w.txt': THREE, 'TRAIN_3/frames/w/%d.jpg': 3, 'TEST/anno/v.txt': THREE },
    names: ['w'],
    read: 'w',
    source: 'TRAIN_3/frames/w',
  },
  {
    set: 'got10k-val',
    files: {
      'val/list.txt': 'GOT-10k_Val_000001\n',
      'val/GOT-10k_Val_000001/%08d.jpg': 3,
      'val/GOT-10k_Val_000001/groundtruth.txt': THREE,
      'val/GOT-10k_Val_000001/cover.label': '8\n0\n3\n',
      'val/GOT-10k_Val_000001/absence.label': '0\n0\n0\n',
      'val/GOT-10k_Val_000001/meta_info.ini': '[METAINFO]\nobject_class: JetLev-Flyer\nresolution: (1920, 1080)\n',
    },
    names: ['GOT-10k_Val_000001'],
    read: 'GOT-10k_Val_000001',
    source: 'val/GOT-10k_Val_000001',
    more: { absent: [false, true, false], size: { width: 1920, height: 1080 }, attributes: ['JetLev-Flyer'] },
  },
  {
    set: 'got10k-test',
    files: { 'test/a/%08d.jpg': 2, 'test/a/groundtruth.txt': '1.5,2,3,4' },
    names: ['a'],
    read: 'a',
    source: 'test/a',
    truth: [1.5, 2, 3, 4, ...nan(4)],
  },
  {
    set: 'otb100',
    files: {
      'Jogging/groundtruth_rect.1.txt': '1\t2\t3\t4\n',
      'Jogging/groundtruth_rect.2.txt': '5 6 7 8\n',
      'Jogging/img/%04d.jpg': 1,
      'Human4/groundtruth_rect.1.txt': '',
      'Human4/groundtruth_rect.2.txt': THREE,
      'Human4/img/%04d.jpg': 3,
    },
    names: ['Human4', 'Jogging.1', 'Jogging.2'],
    read: 'Jogging.2',
    source: 'Jogging/img',
    truth: [5, 6, 7, 8],
  },
  {
    set: 'otb50',
    files: { 'David/groundtruth_rect.txt': THREE, 'David/img/%04d.jpg': 302, 'Coke/groundtruth_rect.txt': THREE },
    names: ['David'],
    read: 'David',
    source: 'David/img',
    more: { start: 299 }, // its annotation begins at image 300
  },
  {
    set: 'dtb70',
    files: { 'Gull1/groundtruth_rect.txt': THREE, 'Gull1/img/%05d.jpg': 3 },
    names: ['Gull1'],
    read: 'Gull1',
    source: 'Gull1/img',
  },
  {
    set: 'tcolor128',
    files: { 'Ball/Ball_gt.txt': THREE, 'Ball/Ball_frames.txt': '3,5', 'Ball/img/%04d.jpg': 5 },
    names: ['Ball'],
    read: 'Ball',
    source: 'Ball/img',
    more: { start: 2 },
  },
  {
    set: 'uav123',
    files: {
      'anno/UAV123/car1_2.txt': '1,2,3,4\nNaN,NaN,NaN,NaN\n',
      'configSeqs.m':
        "seqs={struct('name','car1_1','path','..\\data_seq\\UAV123\\car1\\','startFrame',1,'endFrame',2,'nz',6),...\nstruct('name','car1_2','path','..\\data_seq\\UAV123\\car1\\','startFrame',3,'endFrame',4,'nz',6)};",
      'data_seq/UAV123/car1/%06d.jpg': 4,
    },
    names: ['car1_2'],
    read: 'car1_2',
    source: 'data_seq/UAV123/car1',
    truth: [1, 2, 3, 4, ...nan(4)],
    more: { start: 2 },
  },
  {
    set: 'uav20l',
    files: { 'anno/UAV20L/bike1.txt': THREE, 'data_seq/UAV123/bike1/%06d.jpg': 3 },
    names: ['bike1'],
    read: 'bike1',
    source: 'data_seq/UAV123/bike1',
  },
  {
    set: 'nfs30',
    files: {
      'pool/30/pool.txt': Array.from({ length: 17 }, (_, i) => `0 ${i} 10 ${i + 20} 40 ${i} 0 0 0 "ball"`).join('\n'),
      'pool/30/pool/%05d.jpg': 3,
    },
    names: ['pool'],
    read: 'pool',
    source: 'pool/30/pool',
    truth: [0, 10, 20, 30, 8, 10, 20, 30, 16, 10, 20, 30],
  },
  {
    set: 'nfs240',
    files: { 'anno/nfs_pool.txt': THREE.replaceAll(',', '\t'), 'sequences/pool/%05d.jpg': 3 },
    names: ['pool'],
    read: 'pool',
    source: 'sequences/pool',
  },
  {
    set: 'vot',
    files: { 'list.txt': 'ball\n', 'ball/groundtruth.txt': '1,2,5,2,5,8,1,8\n', 'ball/color/%08d.jpg': 1 },
    names: ['ball'],
    read: 'ball',
    source: 'ball/color',
    truth: [1, 2, 4, 6],
    more: { polygons: Float64Array.of(1, 2, 5, 2, 5, 8, 1, 8) },
  },
  {
    set: 'avist',
    files: {
      'anno/rain.txt': THREE,
      'sequences/rain/img_%05d.jpg': 3,
      'full_occlusion/rain_full_occlusion.txt': '0\n0\n1\n',
      'out_of_view/rain_out_of_view.txt': '0\n0\n0\n',
    },
    names: ['rain'],
    read: 'rain',
    source: 'sequences/rain',
    more: { absent: [false, false, true] },
  },
  {
    set: 'tnl2k',
    files: { 'advSamp/imgs/%05d.jpg': 3, 'advSamp/groundtruth.txt': THREE },
    names: ['advSamp'],
    read: 'advSamp',
    source: 'advSamp/imgs',
  },
  {
    set: 'folder',
    files: { 'a/video.mp4': '', 'a/groundtruth.txt': `\uFEFF${THREE.replaceAll('\n', '\r\n')}`, 'b/notes.txt': '' },
    names: ['a'],
    read: 'a',
    source: 'a/video.mp4',
  },
];

describe.each(CASES)('$set', ({ set, files, names, read, source, truth, more }) => {
  it('lists and reads its layout', async () => {
    const root = await place(files);
    const dataset = findDataset(set);
    expect(await dataset.list(root)).toEqual(names);
    const sequence = await dataset.read(root, read);
    expect({ ...sequence, source: path.resolve(sequence.source) }).toMatchObject({
      name: read,
      source: path.join(root, source),
      start: 0,
      ...more,
    });
    expect([...sequence.truth]).toEqual(truth ?? BOXES);
    expect((await detectDatasets(root)).map((found) => found.dataset.name)).toContain(set);
  });

  it('names the layout where nothing is found', async () => {
    const empty = await place({ 'other/file.txt': '' });
    const error = await findDataset(set)
      .list(empty)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'DATA_INVALID' });
    expect((error as { hint: string }).hint).toContain('expected layout: ROOT');
    expect((error as Error).message).toContain(empty);
  });
});

test('every set has a test of its layout', () => {
  const tested = new Set(CASES.map(({ set }) => set));
  expect(DATASETS.map(({ name }) => name).filter((name) => !tested.has(name))).toEqual([
    'got10k-train', // as val
    'vot-restarts', // as vot
  ]);
});

test('the test set of LaSOT has 280 sequences of 70 classes', () => {
  expect(new Set(LASOT_TEST).size).toBe(280);
  expect(new Set(LASOT_TEST.map((name) => name.replace(/-\d+$/, ''))).size).toBe(70);
});

describe('annotation and frames', () => {
  it('one row too many is cut', async () => {
    const root = await place({ 'a/groundtruth.txt': THREE, 'a/img/%08d.jpg': 2 });
    expect((await findDataset('folder').read(root, 'a')).truth).toHaveLength(8);
  });

  it.each([
    ['frames missing', { 'a/groundtruth.txt': THREE, 'a/img/%08d.jpg': 1 }, /found 1 images .*expected 3/],
    ['no frames', { 'a/groundtruth.txt': THREE }, /found none of video.mp4, img/],
    ['a bad number', { 'a/groundtruth.txt': '1,2,3,4\n1,2,x,4\n', 'a/img/%08d.jpg': 2 }, /line 2: found "x"/],
    ['empty', { 'a/groundtruth.txt': '', 'a/img/%08d.jpg': 2 }, /no box/],
  ] as const)('%s is told', async (_, files, message) => {
    const root = await place(files);
    await expect(findDataset('folder').read(root, 'a')).rejects.toThrowError(
      expect.objectContaining({ code: 'DATA_INVALID', message: expect.stringMatching(message) as string }),
    );
  });

  it('flags of another length are told', async () => {
    const root = await place({
      'cat-1/groundtruth.txt': THREE,
      'cat-1/img/%08d.jpg': 3,
      'cat-1/out_of_view.txt': '0,1',
    });
    await expect(findDataset('lasot').read(root, 'cat-1')).rejects.toThrowError(/found 2 flags, expected 3/);
  });
});

describe('folders as people leave them', () => {
  it('sequences may be links, the root too; hidden ones and links back up are none', async () => {
    const real = await place({ 'elsewhere/groundtruth.txt': THREE, 'elsewhere/img/%08d.jpg': 3 });
    const root = await place({
      'a/groundtruth.txt': THREE,
      'a/img/%08d.jpg': 3,
      '.ipynb_checkpoints/groundtruth.txt': THREE,
      'notes.txt': 'no sequence',
    });
    await symlink(path.join(real, 'elsewhere'), path.join(root, 'b'));
    await symlink('.', path.join(root, 'loop'));
    await symlink('..', path.join(root, 'a', 'up'));
    await symlink('notes.txt', path.join(root, 'file'));
    const linked = `${root}-link`;
    await symlink(root, linked);
    const folderSet = findDataset('folder');
    expect(await folderSet.list(root)).toEqual(['a', 'b']);
    expect(await folderSet.list(linked)).toEqual(['a', 'b']);
    expect((await folderSet.read(linked, 'b')).truth).toHaveLength(12);
  });

  it('a link that leads nowhere is a sequence that cannot be read', async () => {
    const root = await place({ 'a/groundtruth.txt': THREE, 'a/img/%08d.jpg': 3 });
    await symlink('not/there', path.join(root, 'b'));
    await symlink('c', path.join(root, 'c'));
    const folderSet = findDataset('folder');
    expect(await folderSet.list(root)).toEqual(['a', 'b', 'c']);
    for (const [name, target] of [
      ['b', 'not/there'],
      ['c', 'c'],
    ] as const)
      await expect(folderSet.read(root, name)).rejects.toMatchObject({
        code: 'DATA_INVALID',
        message: expect.stringContaining(`${path.join(root, name)}: it is a link to ${target},`) as string,
      });
  });

  it('hidden files are neither frames nor annotations', async () => {
    const root = await place({
      'anno/a.txt': THREE,
      'anno/._a.txt': 'no annotation',
      'sequences/a/img_%05d.jpg': 3,
      'sequences/a/._img_00001.jpg': 'no image',
      'sequences/a/Thumbs.db': 'no image',
    });
    await mkdir(path.join(root, 'sequences/a/img_00004.jpg'));
    const avist = findDataset('avist');
    expect(await avist.list(root)).toEqual(['a']);
    await writeFile(path.join(root, 'anno/a.txt'), '1,2,3,4\n'.repeat(5));
    await expect(avist.read(root, 'a')).rejects.toThrowError(/found 3 images/);
  });

  it('the first image is found by its number, whatever lies beside it', async () => {
    const root = await place({
      'a/a_gt.txt': THREE,
      'a/a_frames.txt': '12,14',
      'a/img/._0011.png': 'no image',
      'a/img/0009.png': '',
      'a/img/0010.PNG': '',
      'a/img/0011.png': '',
      'a/img/0012.png': '',
      'a/img/0013.png': '',
      'a/img/0014.png': '',
    });
    expect(await findDataset('tcolor128').read(root, 'a')).toMatchObject({ start: 3 });
  });

  it('images that are there twice are told: the rows would belong to others', async () => {
    const root = await place({ 'a/groundtruth.txt': THREE, 'a/img/%08d.jpg': 3, 'a/img/%08d.png': 3 });
    await expect(findDataset('folder').read(root, 'a')).rejects.toThrowError(/00000001.jpg and 00000001.png/);
  });

  it('a stack of pictures counts as so many frames', async () => {
    const page = { width: 4, height: 3, channels: 1, samples: new Uint8Array(12) };
    const root = await place({ 'a/groundtruth.txt': THREE, 'a/img/notes.txt': '' });
    await writeFile(path.join(root, 'a/img/stack.tif'), makeTiff([page, page, page]));
    expect((await findDataset('folder').read(root, 'a')).truth).toHaveLength(12);
  });
});
