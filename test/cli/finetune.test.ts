import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { splitFootage } from '../../src/training/finetune.js';
import { readFootage } from '../../src/training/footage.js';
import { makeSequence } from '../helpers/sequences.js';
import { cli } from '../helpers/terminal.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'finetune-'));
});
afterAll(() => rm(root, { recursive: true }));

const read = (data: string, truth?: string) => readFootage(data, truth);

/** A folder of its own with sequences of 4 frames, and other annotations where they are given. */
async function footage(name: string, annotations: Record<string, string | undefined>): Promise<string> {
  const at = path.join(root, name);
  for (const [sequence, text] of Object.entries(annotations)) {
    await makeSequence(at, sequence, 4, [90, 90, 90]);
    if (text !== undefined) await writeFile(path.join(at, sequence, 'groundtruth.txt'), text);
  }
  return at;
}

describe('readFootage', () => {
  it('names every fault with file, line and value', async () => {
    const data = await footage('faults', {
      columns: '2,3,5,4\n2,3,5\n2,3,5,4\n2,3,5,4,6\n',
      good: undefined,
      infinite: '2,3,5,4\n2,Infinity,5,4\n',
      long: '2,3,5,4\n'.repeat(7),
      nan: '2,3,5,4\nNaN,3,5,4\n',
      negative: '2,3,-5,4\n2,3,5,-4\n',
      outside: '2,3,5,4\n200,3,5,4\n',
      text: '2,3,5,4\n2,three,5,4\n',
    });
    await writeFile(path.join(data, 'good/img/3.png'), 'no picture');
    const { sequences, faults } = await read(data);
    const told = (name: string) => faults.filter(({ sequence }) => sequence === name).map(({ message }) => message);
    expect(told('columns')).toEqual([
      expect.stringMatching(/columns.groundtruth.txt, line 2: found 3 numbers \(2,3,5\), expected 4/),
      expect.stringMatching(/groundtruth.txt, line 4: found 5 numbers/),
    ]);
    expect(told('infinite')).toEqual([expect.stringMatching(/line 2: found 2,Infinity,5,4, expected four finite/)]);
    expect(told('long')).toEqual([expect.stringMatching(/found 4 images in .*, expected 7/)]);
    expect(told('nan')).toEqual([expect.stringMatching(/line 2: found NaN,3,5,4, expected four finite numbers/)]);
    expect(told('negative')).toEqual([
      expect.stringMatching(/line 1: width is -5 /),
      expect.stringMatching(/line 2: height is -4 /),
    ]);
    expect(told('outside')).toEqual([expect.stringMatching(/line 2: box 200,3,5,4 lies outside the frame of 16 x 12/)]);
    expect(told('text')).toEqual([expect.stringMatching(/line 2: found "three", expected a number/)]);
    expect(told('good')).toEqual([expect.stringMatching(/img: frame 2 left out: image .*3.png/)]);
    expect(sequences).toEqual([]);
  });

  it('leaves out frames without truth: NaN, and boxes of no size', async () => {
    const data = await footage('absent', { a: '2,3,5,4\nNaN,NaN,NaN,NaN\n0,0,0,0\n2,3,5,4\n' });
    const { sequences, faults } = await read(data);
    expect(faults).toEqual([]);
    const box = { x: 2, y: 3, w: 5, h: 4 };
    expect(sequences[0]!.boxes).toEqual([box, undefined, undefined, box]);
  });

  it('tells the layouts apart', async () => {
    const plain = await footage('plain', { 'a-1': undefined, 'a-2': undefined });
    expect(await read(plain)).toMatchObject({
      layout: 'plain folders of your own',
      sequences: [{ name: 'a-1' }, { name: 'a-2' }],
    });
    expect(await read(path.join(plain, 'a-1'))).toMatchObject({ layout: 'one sequence', sequences: [{ name: 'a-1' }] });

    const otb = await footage('otb', { Crossing: undefined });
    await copyFile(path.join(otb, 'Crossing/groundtruth.txt'), path.join(otb, 'Crossing/groundtruth_rect.txt'));
    await rm(path.join(otb, 'Crossing/groundtruth.txt'));
    expect(await read(otb)).toMatchObject({ layout: 'OTB-100 (OTB-2015)', sequences: [{ name: 'Crossing' }] });

    await footage('lasot/cat', { 'cat-1': undefined });
    const lasot = path.join(root, 'lasot');
    await writeFile(path.join(lasot, 'cat/cat-1/out_of_view.txt'), '0,1,0,0\n');
    const found = await read(lasot);
    expect(found.layout).toMatch(/^LaSOT/);
    expect(found.sequences[0]!.boxes.map((one) => one !== undefined)).toEqual([true, false, true, true]);

    const split = path.join(root, 'split');
    await footage('split/train', { a: undefined });
    await footage('split/val', { b: undefined });
    expect(await read(split)).toMatchObject({ sequences: [{ name: 'a' }], heldOut: [{ name: 'b' }] });

    const got = path.join(root, 'got/train/GOT-10k_Train_000001');
    await footage('got/train', { 'GOT-10k_Train_000001': undefined });
    for (let i = 1; i <= 4; i++) await copyFile(path.join(got, `img/${i}.png`), path.join(got, `0000000${i}.png`));
    await rm(path.join(got, 'img'), { recursive: true });
    expect(await read(path.join(root, 'got'))).toMatchObject({ layout: 'GOT-10k, train' });
  });

  it('reads one video with its truth file, and says where a video has fewer frames', async () => {
    const data = path.join(root, 'video');
    await mkdir(data, { recursive: true });
    await copyFile('models/demo/demo.mp4', path.join(data, 'clip.mp4'));
    await writeFile(path.join(data, 'clip.txt'), '195,24,351,243\n'.repeat(3));
    expect(await read(path.join(data, 'clip.mp4'))).toMatchObject({
      layout: 'one video',
      sequences: [{ name: 'clip' }],
    });
    const long = path.join(data, 'long.txt');
    await writeFile(long, '195,24,351,243\n'.repeat(400));
    const { faults } = await read(path.join(data, 'clip.mp4'), long);
    expect(faults[0]!.message).toMatch(/long.txt, line 211: found 400 boxes for the 210 frames of .*clip.mp4/);
    expect((await read(path.join(data, 'none.mp4')).catch((error: unknown) => error)) as Error).toMatchObject({
      code: 'INPUT_NOT_FOUND',
    });
  });
});

describe('splitFootage', () => {
  const sequence = (name: string, frames: number) => ({
    name,
    video: name,
    boxes: Array.from({ length: frames }, () => ({ x: 0, y: 0, w: 20, h: 20 })),
  });

  it('holds out whole sequences, and does not learn from them', () => {
    const all = ['a', 'b', 'c', 'd'].map((name) => sequence(name, 30));
    const { learned, heldOut } = splitFootage(all, undefined, 1);
    expect(learned).toHaveLength(3);
    expect(heldOut).toHaveLength(1);
    expect(learned.map(({ name }) => name)).not.toContain(heldOut[0]!.sequence.name);
  });

  it('holds out the last quarter of a single one', () => {
    const { learned, heldOut } = splitFootage([sequence('a', 40)], undefined, 1);
    expect(learned[0]!.boxes.filter((box) => box !== undefined)).toHaveLength(30);
    expect(heldOut[0]!.search).toEqual([30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
  });

  it('refuses what is too short to judge by', () => {
    expect(() => splitFootage([sequence('a', 5)], undefined, 1)).toThrow(/5 frames with a box .* expected 12/);
  });
});

describe('ebm-tracker finetune', () => {
  const run = (...more: string[]) => cli('finetune', '--data', root, '--out', path.join(root, 'head'), ...more);

  it.each([
    [['--objective', 'mse'], /--objective "mse": expected one of: nce\+, nce/],
    [['--rate', 'fast'], /--rate "fast": expected a number above 0/],
    [['--steps', '-1'], /--steps "-1": expected a whole number/],
    [['--out', 'models/mine'], /never replaced/],
    [['--data', path.join('no', 'such')], /no.such/],
  ])('wrong use is exit code 2: %s', async (more, message) => {
    const { exitCode, err } = await run(...more);
    expect(err).toMatch(message);
    expect(exitCode).toBe(2);
  });

  it('prints all faults before it does anything', async () => {
    const data = await footage('bad', { a: '1,2,3\n', b: '1,2,-3,4\n' });
    const { exitCode, err } = await cli('finetune', '--data', data, '--out', path.join(root, 'head'));
    expect(err).toMatch(/fault in a: .*line 1: found 3/);
    expect(err).toMatch(/fault in b: .*line 1: width is -3/);
    expect(err).toMatch(/error DATA_INVALID: .*2 faults in 2 sequences/);
    expect(err).toMatch(/hint: .*--skip-bad/);
    expect(exitCode).toBe(1);
  });

  it('learns from a video, and writes a head that tracks, or says that nothing was better', async () => {
    const clip = path.join(root, 'video/clip.mp4');
    const truth = path.join(root, 'video/short.txt');
    await writeFile(truth, '195,24,351,243\n'.repeat(16));
    const out = path.join(root, 'mine.safetensors');
    const options = ['--steps', '2', '--crops', '12', '--rate', '0.001', '--backend', 'wasm', '--skip-bad'];
    const {
      exitCode,
      out: text,
      err,
    } = await cli('finetune', '--data', clip, '--truth', truth, '--out', out, ...options);
    expect(err).toContain('backend wasm');
    expect(err).toContain('npm run native-tensorflow');
    if (exitCode === 0) {
      expect(text).toMatch(/IoU of the box +0\.\d+ +0\.\d+/);
      const boxes = path.join(root, 'video/boxes.csv');
      const tracked = await cli(
        'track',
        clip,
        '--box',
        '195,24,351,243',
        '--start',
        '200',
        '--head',
        out,
        '--out',
        boxes,
      );
      expect(tracked.exitCode).toBe(0);
    } else {
      expect(err).toMatch(/error NOT_IMPROVED: .*was not written/);
    }
    expect(await readFile(path.join(root, 'mine.work/curve.svg'), 'utf8')).toContain('<svg');
  });
});
