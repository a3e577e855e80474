import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { cruise, type ICruiseOptions, type ICruiseResult, type IFlattenedRuleSet } from 'dependency-cruiser';
import { afterEach, beforeEach, expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');
const { options, ...ruleSet } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as IFlattenedRuleSet & {
  options: ICruiseOptions;
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'imports-'));
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Offences of a tree of files, as "rule: file -> what it imports". */
async function offencesOf(files: Record<string, string>): Promise<string[]> {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  const { output } = await cruise(['src'], { ...options, ruleSet, validate: true, baseDir: folder });
  return (output as ICruiseResult).summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
}

it('accepts imports from the same layer and from those below, and libraries in their places', async () => {
  const offences = await offencesOf({
    'src/errors.ts': 'export const a = 1;',
    'src/image/decode.ts': "import sharp from 'sharp';\nexport { sharp };",
    'src/video/read.ts':
      "import { a } from '../errors.js';\nimport { sharp } from '../image/decode.js';\nimport { spawn } from 'node:child_process';\nexport { a, sharp, spawn };",
    'src/ebm/head.ts': "import type * as tf from '@tensorflow/tfjs-core';\nexport type U = tf.Tensor;",
    'src/ebm/engines/tfjs.ts': "import { tidy } from '@tensorflow/tfjs-core';\nexport { tidy };",
    'src/training/loop.ts': "import * as tf from '@tensorflow/tfjs-core';\nexport { tf };",
    'src/cli/main.ts':
      "import { readFile } from 'node:fs/promises';\nimport { spawn } from '../video/read.js';\nexport { readFile, spawn };",
  });
  expect(offences).toEqual([]);
});

it.each([
  ['a layer above', "import { a } from '../tracker/a.js';\nexport { a };", 'downwards-from-ebm'],
  ['types of a layer above', "import type { A } from '../tracker/a.js';\nexport type B = A;", 'downwards-from-ebm'],
  ['an export from a layer above', "export * from '../tracker/a.js';", 'downwards-from-ebm'],
  ['a dynamic import of a layer above', "export const f = () => import('../tracker/a.js');", 'downwards-from-ebm'],
  ['a file outside src', "export * from '../../tools/a.js';", 'within-src'],
  ['a folder without a layer', "export * from '../elsewhere/a.js';", 'downwards-from-ebm'],
  ['a circle', "export * from './b.js';", 'no-circle'],
  ['sharp outside its folder', "import sharp from 'sharp';\nexport { sharp };", 'sharp-in-its-place'],
  [
    'onnxruntime, if only its types',
    "export type { Tensor } from 'onnxruntime-node';",
    'onnxruntime-node-in-its-place',
  ],
  [
    'a process outside src/video',
    "export { spawn } from 'node:child_process';",
    'fluent-ffmpeg-child_process-in-its-place',
  ],
  [
    'TensorFlow at run time',
    "import { tidy } from '@tensorflow/tfjs-core';\nexport { tidy };",
    'tensorflow-in-its-place',
  ],
  ['Node in the core', "import os from 'node:os';\nexport { os };", 'core-runs-anywhere'],
  ['what needs Node in the core', "export * from '../files/write.js';", 'core-imports-core'],
  ['the page of the library from elsewhere', "export * from '../browser/a.js';", 'browser-stands-alone'],
  ['onnxruntime-web elsewhere', "export { env } from 'onnxruntime-web';", 'onnxruntime-web-in-its-place'],
])('refuses %s', async (_, text, rule) => {
  const a = 'export const a = 1;\nexport type A = 1;';
  const offences = await offencesOf({
    'src/ebm/head.ts': text,
    'src/ebm/b.ts': "import * as head from './head.js';\nexport { head };",
    'src/tracker/a.ts': a,
    'src/elsewhere/a.ts': a,
    'src/browser/a.ts': a,
    'src/files/write.ts': a,
    'tools/a.ts': a,
  });
  expect(offences.map((offence) => offence.split(': ', 1)[0])).toContain(rule);
});

it.each([
  ['a module of Node', "import os from 'node:os';\nexport { os };", 'browser-needs-no-node'],
  ['what runs on Node', "export * from '../node/open.js';", 'browser-imports-core'],
])('refuses %s in a page', async (_, text, rule) => {
  const offences = await offencesOf({ 'src/browser/index.ts': text, 'src/node/open.ts': 'export const a = 1;' });
  expect(offences.map((offence) => offence.split(': ', 1)[0])).toEqual([rule]);
});

it('refuses a folder that has no layer', async () => {
  const offences = await offencesOf({ 'src/errors.ts': '', 'src/elsewhere/a.ts': "import '../errors.js';" });
  expect(offences).toEqual(['in-a-layer: src/elsewhere/a.ts -> src/errors.ts']);
});
