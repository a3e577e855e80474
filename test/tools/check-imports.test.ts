import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkImports } from '../../tools/check-imports.js';

describe('checkImports', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), 'imports-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  async function write(files: Record<string, string>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(root, 'src', name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }

  it('accepts imports from the same layer and from those below', async () => {
    await write({
      'errors.ts': 'export const a = 1;',
      'video/read.ts':
        "import { a } from '../errors.js';\nimport '../image/decode.js';\nimport { spawn } from 'node:child_process';",
      'image/decode.ts': "import sharp from 'sharp';",
      'cli/main.ts': "import '../video/read.js';\nimport { readFile } from 'node:fs/promises';",
    });
    expect(checkImports(root)).toEqual([]);
  });

  it.each([
    ['a layer above', "\nimport { track } from '../tracker/tracker.js';", 'src/ebm/head.ts:2: '],
    ['types of a layer above', "import type { Tracker } from '../tracker/tracker.js';", 'src/ebm/head.ts:1: '],
    ['an export from a layer above', "export * from '../cli/main.js';", 'src/ebm/head.ts:1: '],
    ['a dynamic import of a layer above', "const f = () =>\n  import('../training/loop.js');", 'src/ebm/head.ts:2: '],
    ['a file outside src', "import '../../tools/train.js';", 'src/ebm/head.ts:1: '],
    ['a folder without a layer', "import '../elsewhere/a.js';", 'src/ebm/head.ts:1: '],
    ['sharp outside its folder', "import sharp from 'sharp';", 'src/ebm/head.ts:1: '],
    ['onnxruntime outside its file', "import type { Tensor } from 'onnxruntime-node';", 'src/ebm/head.ts:1: '],
    ['a process outside src/video', "import { spawn } from 'node:child_process';", 'src/ebm/head.ts:1: '],
    ['a required library', "const tf = require('@tensorflow/tfjs-core');", 'src/ebm/head.ts:1: '],
    ['TensorFlow at run time', "import { type Tensor, tidy } from '@tensorflow/tfjs-core';", 'src/ebm/head.ts:1: '],
  ])('names the line of %s', async (_, text, where) => {
    await write({ 'ebm/head.ts': text });
    const offences = checkImports(root);
    expect(offences).toHaveLength(1);
    expect(offences[0]!.startsWith(where)).toBe(true);
  });

  it('lets TensorFlow through as types, and in the files that compute with it', async () => {
    await write({
      'ebm/head.ts':
        "import type * as tf from '@tensorflow/tfjs-core';\nimport { type Tensor } from '@tensorflow/tfjs-core';\n" +
        "type T = typeof import('@tensorflow/tfjs-core');",
      'ebm/engines/tfjs.ts': "import { tidy } from '@tensorflow/tfjs-core';",
      'training/loop.ts': "import * as tf from '@tensorflow/tfjs-core';",
    });
    expect(checkImports(root)).toEqual([]);
  });

  it('finds nothing in this repository', () => {
    expect(checkImports(path.join(import.meta.dirname, '../..'))).toEqual([]);
  });
});
