import { rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { findDataset } from '../../src/datasets/index.js';
import { runSequence, type OpenTracker } from '../../src/evaluation/evaluated-tracker.js';
import { makeSequence } from '../helpers/sequences.js';
import { temporaryFolder } from '../helpers/video.js';

/** Answers with the number of the frame it is shown. */
const counting: OpenTracker = async () => ({
  init: () => undefined,
  update: ({ index }) => ({ box: { x: index, y: 0, w: 1, h: 1 } }),
});

async function evaluate(root: string): Promise<number[]> {
  const { boxes } = await runSequence(counting, {}, await findDataset('folder').read(root, 'a'));
  return Array.from({ length: boxes.length / 4 }, (_, i) => boxes[4 * i]!);
}

it('a row belongs to its frame, whatever lies between the images', async () => {
  const root = await temporaryFolder();
  await makeSequence(root, 'a', 4, [90, 90, 90]);
  for (const name of ['._1.png', 'Thumbs.db', '.2.png']) await writeFile(path.join(root, 'a/img', name), 'no image');
  expect(await evaluate(root)).toEqual([2, 1, 2, 3]);
});

it('a frame that cannot be read fails the sequence: rows after it would belong to others', async () => {
  const root = await temporaryFolder();
  await makeSequence(root, 'a', 4, [90, 90, 90]);
  await writeFile(path.join(root, 'a/img/3.png'), '');
  await expect(evaluate(root)).rejects.toMatchObject({
    code: 'DATA_INVALID',
    message: expect.stringMatching(
      /sequence a: frame 2 is missing: frame 2 left out: image .*3\.png: it is empty/,
    ) as string,
  });
  await rm(path.join(root, 'a/img/3.png'));
  await rm(path.join(root, 'a/img/4.png'));
  await symlink('nowhere.png', path.join(root, 'a/img/4.png'));
  await expect(evaluate(root)).rejects.toThrowError(
    /ended after 2 frames, expected 3 \(frame 2 left out: .*nowhere\.png/,
  );
});
