import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findHead } from '../../src/features/manifest.js';
import { findBackbone, loadManifest } from '../../src/node/open.js';

const BYTES = Buffer.from('not really a model');

function entry() {
  return {
    file: 'mine.onnx',
    sha256: createHash('sha256').update(BYTES).digest('hex'),
    input: { name: 'x', layout: 'NHWC', colour: 'RGB', mean: [123.7, 116.3, 103.5], scale: [0.017, 0.0175, 0.0174] },
    fine: { output: 'layer2', stride: 8, channels: 3, offset: 3.5, deviation: [1, 2, 3] },
    coarse: { output: 'layer3', stride: 16, channels: 2, offset: 7.5, deviation: [1, 2] },
    origin: 'here',
    licence: 'MIT',
  };
}

const manifestOf = (backbone: unknown, rest: object = {}) => ({
  version: 1,
  backbones: { mine: backbone },
  default: { backbone: 'mine' },
  ...rest,
});

describe('manifest', () => {
  let folder: string;
  const write = async (content: unknown): Promise<string> => {
    const file = path.join(folder, 'manifest.json');
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'manifest-test-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('ships a default backbone whose file is the one described', async () => {
    const backbone = await findBackbone(await loadManifest());
    expect(backbone.name).toBe('open-nsfw-resnet50-half');
    expect(path.isAbsolute(backbone.file)).toBe(true);
    expect([...backbone.fine.deviation, ...backbone.coarse.deviation].every((value) => value > 0)).toBe(true);
    // deviations that were never measured would all be the same
    expect(new Set(backbone.fine.deviation).size).toBeGreaterThan(backbone.fine.channels / 2);
  });

  it("takes a user's own backbone, its file beside the user's own manifest", async () => {
    const file = path.join(folder, 'mine.onnx');
    await writeFile(file, BYTES);
    const manifest = await loadManifest(await write(manifestOf(entry())));
    const backbone = await findBackbone(manifest, 'mine');
    expect(backbone).toEqual({ ...entry(), name: 'mine', file });
  });

  it('finds the int8 version of a backbone, made from this very one', async () => {
    const bytes = Buffer.from('in 8 bits');
    await writeFile(path.join(folder, 'mine.onnx'), BYTES);
    await writeFile(path.join(folder, 'mine-int8.onnx'), bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const int8 = { file: 'mine-int8.onnx', sha256, madeFrom: entry().sha256 };
    const open = async (backbone: unknown) =>
      findBackbone(await loadManifest(await write(manifestOf(backbone))), 'mine', 'int8');
    const found = await open({ ...entry(), int8 });
    expect(found).toMatchObject({
      name: 'mine',
      file: path.join(folder, 'mine-int8.onnx'),
      sha256,
      fine: entry().fine,
    });
    await expect(open(entry())).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    const stale = { ...int8, madeFrom: '0'.repeat(64) };
    await expect(open({ ...entry(), int8: stale })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  it('names heads, the default one among them, and keeps what it does not know at the top level', async () => {
    const confidence = { bias: 1, weights: [2] };
    const first = { file: 'head.safetensors', sha256: 'a'.repeat(64), backbone: 'mine', confidence };
    const rest = { heads: { first }, default: { backbone: 'mine', head: 'first' }, notes: 'of its owner' };
    const manifest = await loadManifest(await write(manifestOf(entry(), rest)));
    expect(findHead(manifest)).toEqual({ ...first, name: 'first' });
    expect(() => findHead(manifest, 'second')).toThrow(expect.objectContaining({ code: 'MODEL_MISSING' }));
    expect(manifest.content['notes']).toBe('of its owner');
    expect((await loadManifest(await write(manifestOf(entry())))).content.heads).toEqual({});
  });

  it('tells missing from invalid', async () => {
    await expect(loadManifest(path.join(folder, 'none.json'))).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    await expect(loadManifest(await write('{"version": 1,'))).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    const manifest = await loadManifest(await write(manifestOf(entry())));
    await expect(findBackbone(manifest, 'other')).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    await expect(findBackbone(manifest)).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    await writeFile(path.join(folder, 'mine.onnx'), 'something else');
    await expect(findBackbone(manifest)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  it.each([
    ['another version', { ...manifestOf(entry()), version: 2 }],
    ['a deviation too few', manifestOf({ ...entry(), fine: { ...entry().fine, deviation: [1, 2] } })],
    ['a stride of 0', manifestOf({ ...entry(), coarse: { ...entry().coarse, stride: 0 } })],
    ['an unknown colour order', manifestOf({ ...entry(), input: { ...entry().input, colour: 'GRB' } })],
    ['one output for both maps', manifestOf({ ...entry(), coarse: { ...entry().coarse, output: 'layer2' } })],
    ['a misspelt field', manifestOf({ ...entry(), licens: 'MIT' })],
  ])('refuses %s', async (_what, content) => {
    await expect(loadManifest(await write(content))).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });
});
