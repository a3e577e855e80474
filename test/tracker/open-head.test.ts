import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileHead } from '../../src/ebm/engines/compile.js';
import { formatSafetensors, parseSafetensors, type SafetensorsFile } from '../../src/io/safetensors.js';
import { loadManifest, openHead } from '../../src/node/open.js';

const SHIPPED = 'models/head-default.safetensors';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'load-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The shipped head's file with something changed. */
async function changed(change: (file: SafetensorsFile) => SafetensorsFile): Promise<string> {
  const file = join(folder, 'changed.safetensors');
  await writeFile(file, formatSafetensors(change(parseSafetensors(await readFile(SHIPPED), SHIPPED))));
  return file;
}

const withMetadata = (metadata: Record<string, string>) => (file: SafetensorsFile) => ({
  ...file,
  metadata: { ...file.metadata, ...metadata },
});

test('a weight file is the same head as the entry of the manifest', async () => {
  const manifest = await loadManifest();
  const [file, entry] = await Promise.all([openHead(manifest, SHIPPED), openHead(manifest)]);
  expect(file.sha256).toBe(entry.sha256);
  expect(file.backbone).toBe(entry.backbone);
  expect(file.confidence).toEqual(entry.confidence);
  expect([file.model.config, file.model.geometry]).toEqual([entry.model.config, entry.model.geometry]);
});

test('its graphs compile to the same bytes each time', async () => {
  const { model } = await openHead(await loadManifest());
  for (const name of ['embed', 'propose', 'energy'] as const)
    expect(Buffer.compare(Buffer.from(compileHead(model, name)), Buffer.from(compileHead(model, name)))).toBe(0);
});

test('an entry that older versions wrote, with files of compiled graphs, is read; one without weights is refused', async () => {
  const manifest = JSON.parse(await readFile('models/manifest.json', 'utf8')) as {
    heads: Record<string, Record<string, unknown>>;
  };
  const entry = manifest.heads['default']!;
  const write = async (head: Record<string, unknown>): Promise<string> => {
    const file = join(folder, 'manifest.json');
    await writeFile(file, JSON.stringify({ ...manifest, heads: { default: head } }));
    return file;
  };
  await copyFile(SHIPPED, join(folder, 'head-default.safetensors'));
  const graphs = { embed: { file: 'head-default/embed.onnx', sha256: 'a'.repeat(64) } };
  const old = await openHead(await loadManifest(await write({ ...entry, graphs })));
  expect(old.sha256).toBe(entry['sha256']);
  const { file: _, ...without } = entry;
  await expect(loadManifest(await write(without))).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: expect.stringContaining('heads.default.file') as string,
  });
  await expect(openHead(await loadManifest(), 'other')).rejects.toMatchObject({
    code: 'MODEL_MISSING',
    message: expect.stringMatching(/"other": not in .*found: default/) as string,
  });
});

test('a weight file brings its own confidence, which may know fewer figures', async () => {
  const confidence = { bias: 1, weights: [1, 2, 3, 4, 5] };
  const file = await changed(withMetadata({ confidence: JSON.stringify(confidence) }));
  expect((await openHead(await loadManifest(), file)).confidence).toEqual(confidence);
});

test.each<[string, (file: SafetensorsFile) => SafetensorsFile, RegExp]>([
  [
    'another version',
    withMetadata({ kind: 'ebm-tracker head 9' }),
    /is "ebm-tracker head 9", expected "ebm-tracker head 1"/,
  ],
  [
    'another backbone',
    withMetadata({ backbone: 'f'.repeat(64) }),
    /trained on backbone ffffffffffff, expected one of .*\b[0-9a-f]{12}\b/,
  ],
  ['broken widths', withMetadata({ config: '{"fine":-8}' }), /config in its metadata: .*fine: /],
  ['no JSON', withMetadata({ geometry: '{' }), /geometry in its metadata: expected JSON/],
  ['another target model', withMetadata({ target: '{"channels":32,"window":5}' }), /32 channels .* expected 48 and 5/],
  [
    'a long confidence',
    withMetadata({ confidence: '{"bias":0,"weights":[1,1,1,1,1,1,1]}' }),
    /confidence of 7 weights, expected 6 at most/,
  ],
  [
    'another shape',
    (file) => ({
      ...file,
      tensors: { ...file.tensors, 'energy.output.bias': { shape: [2], data: new Float32Array(2) } },
    }),
    /"energy.output.bias" has shape \[2\], expected \[1\]/,
  ],
  [
    'no number',
    (file) => ({
      ...file,
      tensors: { ...file.tensors, 'energy.output.bias': { shape: [1], data: Float32Array.of(Number.NaN) } },
    }),
    /"energy.output.bias" holds NaN at 0, expected finite numbers/,
  ],
  [
    'a layer of another network',
    (file) => ({ ...file, tensors: { ...file.tensors, other: { shape: [1], data: new Float32Array(1) } } }),
    /weight "other" belongs to no layer/,
  ],
])('a weight file with %s is refused', async (_, change, message) => {
  const file = await changed(change);
  const opened = openHead(await loadManifest(), file);
  await expect(opened).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  await expect(opened).rejects.toThrow(message);
});

test('a file that is not there or cut off is told', async () => {
  const manifest = await loadManifest();
  await expect(openHead(manifest, join(folder, 'none.safetensors'))).rejects.toMatchObject({ code: 'MODEL_MISSING' });
  const cut = join(folder, 'cut.safetensors');
  await writeFile(cut, (await readFile(SHIPPED)).subarray(0, 100_000));
  await expect(openHead(manifest, cut)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
});
