import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadManifest } from '../../src/features/manifest.js';
import { formatSafetensors, parseSafetensors, type SafetensorsFile } from '../../src/io/safetensors.js';
import { openHead } from '../../src/tracker/open-head.js';

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

test('a weight file gives the same graphs as the entry of the manifest', async () => {
  const manifest = await loadManifest();
  const [file, entry] = await Promise.all([openHead(manifest, SHIPPED), openHead(manifest)]);
  expect(file.sha256).toBe(entry.sha256);
  expect(file.backbone).toBe(entry.backbone);
  expect(file.confidence).toEqual(entry.confidence);
  for (const graph of ['embed', 'propose', 'energy', 'gradient', 'respond', 'sample', 'learn', 'multiply'] as const)
    expect(Buffer.compare(Buffer.from(await file.graph(graph)), Buffer.from(await entry.graph(graph)))).toBe(0);
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
    /trained on backbone ffffffffffff, expected one of .*1ad590ec6ebc/,
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
