/**
 * How good the boxes of a head are on pairs of the val and the train sequences: the last box is the true one, jittered by N(0, 0.1) in
 * place and log size, both relative.
 *
 *   npm run bench -- pairs --data DIR [--work DIR] [--head FILE.safetensors] [--temperatures 0.25,0.5,1] [--out FILE.json]
 *
 * DIR holds sequences/val and sequences/train. The crops' features stay in the work folder.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { findBackbone, loadManifest, openHead } from '../../src/node/open.js';
import { withBackbone } from '../../src/training/session.js';
import { prepareSplits } from '../../src/training/validate.js';

const options = new Command()
  .requiredOption('--data <dir>', 'folder with sequences/val and sequences/train')
  .option('--work <dir>', 'folder of the features', 'pairs.work')
  .option('--head <file>', 'weights; left out: those that ship')
  .option('--temperatures <list>', 't of exp(t f)', '0.5')
  .option('--out <file>', 'JSON')
  .parse()
  .opts<{ data: string; work: string; head?: string; temperatures: string; out?: string }>();

const manifest = await loadManifest();
const head = await openHead(manifest, options.head === undefined ? undefined : path.resolve(options.head));
const entry = await findBackbone(manifest, head.backbone);
const validate = await withBackbone(entry, 2, (backbone) =>
  prepareSplits(path.join(options.data, 'sequences'), path.join(options.work, 'bank'), backbone),
);
const rows = [];
for (const temperature of options.temperatures.split(',').map(Number)) {
  const figures = await validate(head.model, { temperature, full: true });
  rows.push({ temperature, figures });
  console.log(`temperature ${temperature}`);
  for (const [name, value] of Object.entries(figures)) console.log(`  ${name.padEnd(24)} ${value.toFixed(4)}`);
}
if (options.out !== undefined) {
  const command = `npm run bench -- pairs --data DIR --temperatures ${options.temperatures}`;
  writeFileSync(
    options.out,
    `${JSON.stringify({ command, weights: head.sha256, node: process.version, rows }, null, 1)}\n`,
  );
}
