import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashFootage } from '../../src/training/data-hash.js';
import { readSequences } from '../../src/datasets/footage.js';
import { framesOf } from '../../src/training/fill-bank.js';
import { readFootage } from '../../src/training/footage.js';
import { readTrainingFootage } from '../../src/training/train-head.js';
import { flat, makeGif } from '../helpers/pictures.js';
import { makeSequence } from '../helpers/sequences.js';
import { temporaryFolder } from '../helpers/video.js';

/** FOLDER/NAME/video.mp4 and groundtruth.txt; nothing is decoded. */
async function place(folder: string, name: string): Promise<void> {
  await mkdir(path.join(folder, name), { recursive: true });
  await writeFile(path.join(folder, name, 'video.mp4'), '');
  await writeFile(path.join(folder, name, 'groundtruth.txt'), '1,2,3,4\n');
}

describe('training sequences', () => {
  it('may be links, in folders that are links; hidden folders and links back up are none', async () => {
    const folder = await temporaryFolder();
    await place(path.join(folder, 'real'), 'one');
    await place(path.join(folder, 'data/sequences/set'), 'two');
    await place(path.join(folder, 'data/sequences/set'), '.trash');
    await symlink(path.join(folder, 'real/one'), path.join(folder, 'data/sequences/set/one'));
    await symlink('.', path.join(folder, 'data/sequences/set/self'));
    await symlink('../..', path.join(folder, 'data/sequences/set/up'));
    await symlink('set', path.join(folder, 'data/sequences/train'));
    await mkdir(path.join(folder, 'data/images'));
    await writeFile(path.join(folder, 'data/images/boxes.jsonl'), '');
    await symlink('data', path.join(folder, 'link'));
    const { sequences } = await readTrainingFootage(path.join(folder, 'link'));
    expect(sequences.map(({ name }) => name)).toEqual(['one', 'two']);
  });

  it('that are links to nothing are named', async () => {
    const folder = await temporaryFolder();
    await place(folder, 'one');
    await symlink('gone', path.join(folder, 'two'));
    await expect(readSequences(folder)).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(/two: it is a link to gone,/) as string,
    });
    await expect(readSequences(path.join(folder, 'none'))).rejects.toMatchObject({ code: 'DATA_INVALID' });
  });
});

describe('footage for fine-tuning', () => {
  it('has a row a frame, whatever lies between the images', async () => {
    const folder = await temporaryFolder();
    await makeSequence(folder, 'a', 4, [90, 90, 90]);
    const clean = await readFootage(folder);
    const hash = await hashFootage(clean.sequences);
    for (const name of ['._1.png', '.DS_Store', 'Thumbs.db', '0.txt'])
      await writeFile(path.join(folder, 'a/img', name), 'no image');
    await mkdir(path.join(folder, 'a/img/0.png'));
    await symlink('.', path.join(folder, 'loop'));
    const { sequences, faults } = await readFootage(folder);
    expect(faults).toEqual([]);
    expect(sequences).toHaveLength(1);
    expect(await hashFootage(sequences)).toBe(hash);
    const rows: number[] = [];
    for await (const { row } of framesOf(sequences[0]!)) rows.push(row);
    expect(rows).toEqual([0, 1, 2, 3]);
  });

  it('may be links; one to nothing is a fault with its name', async () => {
    const folder = await temporaryFolder();
    await makeSequence(folder, 'real/a', 3, [90, 90, 90]);
    await mkdir(path.join(folder, 'data'));
    await symlink('../real/a', path.join(folder, 'data/a'));
    await symlink('../real/b', path.join(folder, 'data/b'));
    const { sequences, faults } = await readFootage(path.join(folder, 'data'));
    expect(sequences.map(({ name }) => name)).toEqual(['a']);
    expect(faults).toEqual([{ sequence: 'b', message: expect.stringContaining('it is a link to ../real/b,') }]);
  });

  it('may be an animation, with a box a picture', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'a.gif');
    await writeFile(
      file,
      makeGif(
        { width: 16, height: 12 },
        Array.from({ length: 5 }, (_, i) => flat(16, 12, [i, 0, 0])),
      ),
    );
    await writeFile(path.join(folder, 'a.txt'), '2,3,5,4\n'.repeat(5));
    expect(await readFootage(file)).toMatchObject({ faults: [], sequences: [{ name: 'a' }] });
    await writeFile(path.join(folder, 'a.txt'), '2,3,5,4\n'.repeat(6));
    expect((await readFootage(file)).faults).toEqual([
      { sequence: 'a', message: expect.stringMatching(/found 6 boxes for the 5 frames/) },
    ]);
  });
});

it('footage that is drawn by another weight is other footage: a bank holds the weights', async () => {
  const hash = (more: { origin?: string; weight?: number }) =>
    hashFootage(
      [{ name: 'a', video: 'nowhere', boxes: [], ...more }],
      [{ file: 'b.jpg', width: 9, height: 9, boxes: [], ...more }],
    );
  const [plain, named, one, two] = await Promise.all([
    hash({}),
    hash({ origin: 'set' }),
    hash({ origin: 'set', weight: 1 }),
    hash({ origin: 'set', weight: 2 }),
  ]);
  expect(named).toBe(plain); // as banks of older versions were called
  expect(new Set([plain, one, two]).size).toBe(3);
});
