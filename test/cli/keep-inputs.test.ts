/** No command writes what it reads: each of them, by names that lead to an input in another way than its own. */
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeSequence } from '../helpers/sequences.js';
import { cli } from '../helpers/terminal.js';
import { makeNumberedVideo, temporaryFolder } from '../helpers/video.js';

const BOX = ['--box', '16,12,24,20', '--threads', '1', '--quiet'];

let folder: string;
const at = (...names: string[]): string => path.join(folder, ...names);

/** Every file below, links by what they lead to. */
async function contents(): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const hashes = await Promise.all(
    files.map(async (file) =>
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    ),
  );
  return Object.fromEntries(files.map((file, i) => [path.relative(folder, file), hashes[i]!]));
}

beforeEach(async () => {
  folder = await temporaryFolder();
  await mkdir(at('d'));
  await mkdir(at('img'));
  await makeNumberedVideo(at('d', 'clip.mp4'), { frames: 3 });
  await symlink('d', at('ld'));
  await symlink('d/clip.mp4', at('link.mp4'));
  await link(at('d', 'clip.mp4'), at('hard.mp4'));
  await writeFile(at('boxes.csv'), 'frame,time,x,y,w,h,confidence,state\n0,0,16,12,24,20,1,tracking\n');
  await symlink('boxes.csv', at('boxes-link.csv'));
  await writeFile(at('config.json'), '{"threads": 1}');
  for (const name of ['page-0001.png', '2.png'])
    await sharp({ create: { width: 64, height: 48, channels: 3, background: '#888' } }).toFile(at('img', name));
});

type Args = () => string[] | Promise<string[]>;

describe('refused before anything is written', () => {
  it.each<[string, Args]>([
    ['track --video in a linked folder', () => ['track', at('d/clip.mp4'), ...BOX, '--video', at('ld/clip.mp4')]],
    ['track --video by a hard link', () => ['track', at('d/clip.mp4'), ...BOX, '--video', at('hard.mp4')]],
    ['track of a link, --out the file', () => ['track', at('link.mp4'), ...BOX, '--out', at('d/clip.mp4')]],
    ['track --out with a format', () => ['track', at('link.mp4'), ...BOX, '--out', at('hard.mp4'), '--format', 'csv']],
    [
      'track --boxes F --out F',
      () => ['track', at('link.mp4'), '--boxes', at('boxes.csv'), '--out', at('boxes-link.csv')],
    ],
    [
      'track --config',
      () => [
        'track',
        at('link.mp4'),
        ...BOX,
        '--config',
        at('config.json'),
        '--out',
        at('config.json'),
        '--format',
        'csv',
      ],
    ],
    [
      'track --head',
      async () => {
        await copyFile('models/head-default.safetensors', at('head.safetensors'));
        await symlink('head.safetensors', at('out.csv'));
        return ['track', at('link.mp4'), ...BOX, '--head', at('head'), '--out', at('out.csv')];
      },
    ],
    ['track of a folder, --debug in it', () => ['track', at('img'), ...BOX, '--debug', at('img')]],
    [
      'track of a folder, --debug in it by a link',
      async () => (await symlink('img', at('pictures')), ['track', at('img'), ...BOX, '--debug', at('pictures')]),
    ],
    [
      'track of a pattern, --out a file that it names',
      () => ['track', at('img/*'), ...BOX, '--out', at('img/boxes.csv')],
    ],
    [
      'track of a folder, --out a picture',
      () => ['track', at('img'), ...BOX, '--out', at('img/3.png'), '--format', 'csv'],
    ],
    [
      'track --debug whose numbers are a link to the boxes',
      async () => {
        await mkdir(at('debug'));
        await symlink('../boxes.csv', at('debug', 'frames.jsonl'));
        return ['track', at('link.mp4'), '--boxes', at('boxes.csv'), '--debug', at('debug')];
      },
    ],
    [
      'track, two outputs that are one',
      async () => {
        await symlink('new.mp4', at('other.mp4'));
        const [a, b] = [at('new.mp4'), at('other.mp4')];
        return ['track', at('link.mp4'), ...BOX, '--out', a, '--format', 'csv', '--video', b];
      },
    ],
    [
      'track, --out the numbers of --debug',
      async () => {
        await mkdir(at('debug'));
        return ['track', at('link.mp4'), ...BOX, '--debug', at('debug'), '--out', at('debug/frames.jsonl')];
      },
    ],
    ['convert to a link to its input', () => ['convert', at('boxes.csv'), at('boxes-link.csv')]],
    ['convert into its video', () => ['convert', at('boxes.csv'), at('ld/clip.mp4'), '--video', at('link.mp4')]],
    [
      'convert that would write its video',
      () => ['convert', at('boxes.csv'), at('hard.mp4'), '--to', 'mot', '--video', at('d/clip.mp4')],
    ],
    [
      'convert into a folder of pictures',
      async () => {
        await symlink('img/new.png', at('rows.txt'));
        return ['convert', at('boxes.csv'), at('rows.txt'), '--video', at('img')];
      },
    ],
    [
      'demo into its own clip',
      async () => {
        await mkdir(at('out'));
        await symlink(path.resolve('models/demo/demo.mp4'), at('out', 'demo.mp4'));
        return ['demo', '--out', at('out')];
      },
    ],
    [
      'finetune --out the video',
      async () => {
        await symlink('d/clip.mp4', at('head.safetensors'));
        await writeFile(at('truth.txt'), '16,12,24,20\n'.repeat(3));
        return ['finetune', '--data', at('link.mp4'), '--truth', at('truth.txt'), '--out', at('head')];
      },
    ],
    [
      'finetune --out a frame of a sequence',
      async () => {
        await makeSequence(at('data'), 'a', 4, [9, 9, 9]);
        await symlink('data/a/img/2.png', at('head.safetensors'));
        return ['finetune', '--data', at('data'), '--out', at('head'), '--quiet'];
      },
    ],
    [
      'finetune --out the annotation of a sequence',
      async () => {
        await makeSequence(at('data'), 'a', 4, [9, 9, 9]);
        await link(at('data', 'a', 'groundtruth.txt'), at('head.safetensors'));
        return ['finetune', '--data', at('data'), '--out', at('head'), '--quiet'];
      },
    ],
    [
      'finetune --work whose curve is the annotation',
      async () => {
        await mkdir(at('work'));
        await writeFile(at('truth.txt'), '16,12,24,20\n'.repeat(3));
        await symlink('../truth.txt', at('work', 'curve.csv'));
        const data = ['--data', at('link.mp4'), '--truth', at('truth.txt')];
        return ['finetune', ...data, '--out', at('head'), '--work', at('work')];
      },
    ],
    [
      'finetune --from a head, --out the same',
      async () => {
        await writeFile(at('truth.txt'), '16,12,24,20\n'.repeat(3));
        await copyFile(path.resolve('models/head-default.safetensors'), at('mine.safetensors'));
        await symlink('mine.safetensors', at('head.safetensors'));
        const data = ['--data', at('link.mp4'), '--truth', at('truth.txt')];
        return ['finetune', ...data, '--from', at('mine'), '--out', at('head')];
      },
    ],
    [
      'train --show-batch a photograph',
      async () => {
        await trainingData();
        await symlink('data/images/p.png', at('sheet.png'));
        return ['train', '--data', at('data'), '--show-batch', at('sheet.png')];
      },
    ],
    [
      'train --out a video to learn from',
      async () => {
        await trainingData();
        await link(at('data/sequences/val/b/video.mp4'), at('head.safetensors'));
        return ['train', '--data', at('data'), '--work', at('work'), '--out', at('head.safetensors'), '--quiet'];
      },
    ],
    [
      'evaluate --report over its configuration',
      async () => {
        await mkdir(at('report'));
        await symlink('../config.json', at('report', 'report.json'));
        const data = ['evaluate', 'folder', '--root', at('data'), '--config', at('config.json')];
        return [...data, '--report', at('report')];
      },
    ],
    [
      'evaluate --report over the truth',
      async () => {
        await mkdir(at('truth'));
        await writeFile(at('truth', 'a.txt'), '1,2,3,4\n');
        await link(at('truth', 'a.txt'), at('report.csv'));
        const boxes = ['--truth', at('truth'), '--results', at('truth')];
        return ['evaluate', ...boxes, '--report', folder];
      },
    ],
    [
      'evaluate --out whose folder is a link to annotations',
      async () => {
        await makeSequence(at('data'), 'a', 4, [9, 9, 9]);
        await mkdir(at('results/still-tracker/folder'), { recursive: true });
        await mkdir(at('anno'));
        await writeFile(at('anno', 'a.txt'), '2,3,5,4\n'.repeat(4));
        await symlink(at('anno'), at('results/still-tracker/folder/seed-11'));
        const data = ['evaluate', 'folder', '--root', at('data'), '--out', at('results'), '--quiet'];
        return [...data, '--tracker', path.resolve('test/fixtures/still-tracker.mjs')];
      },
    ],
  ])('%s', async (_, args) => {
    const line = await args();
    const before = await contents();
    const { exitCode, out, err } = await cli(...line);
    expect(err).toMatch(/error OPTION_INVALID: .+\nhint: .+\n$/);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(await contents()).toEqual(before);
  });

  async function trainingData(): Promise<void> {
    for (const name of ['train/a', 'val/b']) {
      await mkdir(at('data/sequences', name), { recursive: true });
      await copyFile(at('d/clip.mp4'), at('data/sequences', name, 'video.mp4'));
      await writeFile(at('data/sequences', name, 'groundtruth.txt'), '16,12,24,20\n'.repeat(3));
    }
    await mkdir(at('data/images'));
    await copyFile(at('img/2.png'), at('data/images/p.png'));
    const photo = { file: 'p.png', width: 64, height: 48, boxes: [[10, 10, 20, 20, 'thing']] };
    await writeFile(at('data/images/boxes.jsonl'), `${JSON.stringify(photo)}\n`);
  }
});

describe('taken', () => {
  it.each<[string, Args, string]>([
    [
      'boxes beside the video',
      () => ['convert', at('boxes.csv'), at('d/boxes.txt'), '--video', at('ld/clip.mp4')],
      'd/boxes.txt',
    ],
    [
      'boxes among pictures, which are none',
      () => ['convert', at('boxes.csv'), at('img/boxes.txt'), '--video', at('img')],
      'img/boxes.txt',
    ],
    [
      'a link to an older result, which stays a link',
      async () => {
        await writeFile(at('d', 'rows.txt'), 'older');
        await symlink('d/rows.txt', at('rows.txt'));
        return ['convert', at('boxes.csv'), at('rows.txt')];
      },
      'd/rows.txt',
    ],
  ])('%s', async (_, args, written) => {
    const line = await args();
    const { [written]: older, ...before } = await contents();
    const { exitCode, err } = await cli(...line);
    expect({ exitCode, err }).toMatchObject({ exitCode: 0, err: expect.stringMatching(/^wrote/) as string });
    const { [written]: newer, ...after } = await contents();
    expect(after).toEqual(before);
    expect(newer).not.toBe(older);
  });

  it('standard input counts as read', async () => {
    const main = path.join(import.meta.dirname, '../../src/cli/main.ts');
    const args = ['--import', 'tsx', main, 'track', '-', ...BOX, '--video', at('d/clip.mp4')];
    const before = await contents();
    const stdin = createReadStream(at('d/clip.mp4'));
    await new Promise((resolve) => stdin.once('open', resolve));
    const child = spawn(process.execPath, args, { stdio: [stdin, 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(2);
    expect(err).toMatch(/error OPTION_INVALID: .*standard input/);
    expect(await contents()).toEqual(before);
    stdin.destroy();
  });
});
