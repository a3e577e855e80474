import { execFile } from 'node:child_process';
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { CSV_ID_HEADER, parseBoxes } from '../../src/io/boxes.js';
import { openVideo } from '../../src/video/read.js';
import { makeSequence } from '../helpers/sequences.js';
import { collect, temporaryFolder } from '../helpers/video.js';

const ROOT = path.join(import.meta.dirname, '../..');

async function run(example: string, ...args: string[]): Promise<string> {
  const file = path.join('examples', `${example}.ts`);
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file, ...args], { cwd: ROOT });
  return stdout;
}

const DEMO = 'models/demo/demo.mp4';

it('one-object: a line a frame', async () => {
  const out = await run('one-object', DEMO, '195,24,351,243', '4');
  const lines = out.trimEnd().split('\n');
  expect(lines[0]).toBe('0 0.00 s: 195.0 24.0 351.0 243.0, tracking 1.00');
  expect(lines.slice(0, 4).every((line, i) => line.startsWith(`${i} `) && /, tracking 0?.?\d/.test(line))).toBe(true);
  expect(lines[4]).toBe('lost in 0 frames');
});

it('several-objects: rows with ids, and a video', async () => {
  const folder = await temporaryFolder();
  const [csv, mp4] = [path.join(folder, 'a.csv'), path.join(folder, 'a.mp4')];
  await run('several-objects', csv, mp4, DEMO, '3', '195,24,351,243', '60,200,90,120');
  const text = await readFile(csv, 'utf8');
  expect(text.split('\n')[0]).toBe(CSV_ID_HEADER);
  expect(parseBoxes(text, 'csv', csv).map(({ frame, id }) => [frame, id])).toEqual(
    [0, 1, 2].flatMap((frame) => [
      [frame, 1],
      [frame, 2],
    ]),
  );
  expect(await collect(await openVideo(mp4))).toHaveLength(3);
});

it('own-frames: the square is followed', async () => {
  const overlaps = [...(await run('own-frames')).matchAll(/overlap (\S+), tracking/g)].map(([, value]) =>
    Number(value),
  );
  expect(overlaps).toHaveLength(11);
  expect(Math.min(...overlaps)).toBeGreaterThan(0.6);
});

it('evaluate-folder: a score a sequence, and a result file', async () => {
  const folder = await temporaryFolder();
  for (const name of ['a', 'b']) await makeSequence(folder, name, 3, [90, 60, 30]);
  const out = path.join(folder, 'results');
  const text = await run('evaluate-folder', folder, out);
  expect(text).toMatch(/^a: AUC [01]\.\d{3}\nb: AUC [01]\.\d{3}\nmean AUC [01]\.\d{3}, results in .*seed-11\n$/);
  expect((await readFile(path.join(out, 'ebm-tracker/folder/seed-11/a.txt'), 'utf8')).split('\n')).toHaveLength(4);
});

it('fine-tune: a head that tracks, or word that none is better', async () => {
  const folder = await temporaryFolder();
  const [clip, truth, head] = ['clip.mp4', 'clip.txt', 'head.safetensors'].map((name) => path.join(folder, name));
  await copyFile(path.join(ROOT, DEMO), clip!);
  await writeFile(truth!, '195,24,351,243\n'.repeat(16));
  const text = await run('fine-tune', clip!, truth!, head!, '1');
  const written = await stat(head!).then(
    () => true,
    () => false,
  );
  expect(text).toMatch(written ? /IoU on held-out frames .* at step 1\nweights [0-9a-f]{12}/ : /^NOT_IMPROVED: /);
});
