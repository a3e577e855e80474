import { copyFile, readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadManifest, openHead } from '../../src/node/open.js';
import { exportHead } from '../../tools/export-head.js';
import { temporaryFolder } from '../helpers/video.js';

const SHIPPED = 'models/head-default.safetensors';

test('a head is entered by its weights alone, and what was entered before is left as it was', async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'manifest.json');
  await copyFile('models/manifest.json', file);
  await exportHead(SHIPPED, 'other', file);
  expect((await readdir(folder)).toSorted()).toEqual(['head-other.safetensors', 'manifest.json']);
  const manifest = await loadManifest(file);
  const head = await openHead(manifest, 'other');
  const shipped = await openHead(await loadManifest());
  expect([head.sha256, head.backbone]).toEqual([shipped.sha256, shipped.backbone]);
  expect(head.confidence).toEqual(shipped.confidence); // that of the file
  expect(manifest.content.default.head).toBe('default');
  const raw = JSON.parse(await readFile('models/manifest.json', 'utf8')) as { heads: Record<string, unknown> };
  expect(manifest.content.heads['default']).toEqual(raw.heads['default']);
});

test('the manifest that ships is what the tool writes for the head that ships', async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'manifest.json');
  await copyFile('models/manifest.json', file);
  await exportHead(SHIPPED, 'default', file);
  expect(await readFile(file, 'utf8')).toBe(await readFile('models/manifest.json', 'utf8'));
});
