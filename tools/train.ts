/**
 * Trains the head: fills the feature bank once, then trains from it, resumable.
 *
 *   npx tsx tools/train.ts --data DIR --work DIR [--out models/head.safetensors] [--steps N] [--seed N] [--threads N]
 *
 * DIR of --data holds sequences/train, sequences/val and images/, see src/training/dataset.ts. The bank and the checkpoint live under --work.
 */
import { createHash } from 'node:crypto';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { DEFAULT_HEAD, type MapGeometry } from '../src/ebm/head.js';
import { openBackbone } from '../src/features/backbone.js';
import { findBackbone, loadManifest } from '../src/features/manifest.js';
import { writeSafetensors } from '../src/io/safetensors.js';
import { createRandom } from '../src/random.js';
import { openTensorflow } from '../src/runtime/tensorflow.js';
import { SEQUENCE_JITTER } from '../src/training/augment.js';
import { Bank } from '../src/training/bank.js';
import { readPhotos, readSequences } from '../src/training/dataset.js';
import { fillBank } from '../src/training/fill-bank.js';
import { initialiseHead } from '../src/training/initialise.js';
import { DEFAULT_TRAINING, train } from '../src/training/loop.js';
import { validateHead } from '../src/training/validate.js';

const options = new Command()
  .requiredOption('--data <dir>', 'folder with sequences/train, sequences/val and images')
  .requiredOption('--work <dir>', 'folder of the bank, the checkpoint and the curve')
  .option('--out <file>', 'weights written at the end')
  .option('--steps <n>', 'training steps', Number, DEFAULT_TRAINING.steps)
  .option('--seed <n>', 'seed of everything', Number, DEFAULT_TRAINING.seed)
  .option('--threads <n>', 'threads', Number, 2)
  .option('--sequence-crops <n>', 'crops of each sequence', Number, 110)
  .option('--photo-objects <n>', 'objects of each photograph', Number, 1)
  .option('--photo-crops <n>', 'crops of each object of a photograph', Number, 3)
  .parse()
  .opts<{
    data: string;
    work: string;
    out?: string;
    steps: number;
    seed: number;
    threads: number;
    sequenceCrops: number;
    photoObjects: number;
    photoCrops: number;
  }>();

const entry = await findBackbone(await loadManifest());
const bankFolder = join(options.work, 'bank');
await mkdir(options.work, { recursive: true });
const sequences = await readSequences(join(options.data, 'sequences/train'));
const exists = await access(join(bankFolder, 'bank.json')).then(
  () => true,
  () => false,
);
if (!exists) {
  const backbone = await openBackbone(entry, { threads: options.threads });
  const started = performance.now();
  const fill = {
    cropsPerSequence: options.sequenceCrops,
    objectsPerPhoto: options.photoObjects,
    cropsPerObject: options.photoCrops,
    onProgress: (done: number, total: number) => {
      const each = (performance.now() - started) / Math.max(1, done);
      if (done % 7 === 0) console.error(`bank ${done}/${total} crops, ${each.toFixed(1)} ms each`);
    },
  };
  const photos = await readPhotos(join(options.data, 'images'));
  await fillBank(bankFolder, backbone, sequences, photos, fill, createRandom(options.seed));
  await backbone.release();
}

const settings = { ...DEFAULT_TRAINING, steps: options.steps, seed: options.seed };
const geometry: MapGeometry = {
  fine: { cells: SEQUENCE_JITTER.cropSize / entry.fine.stride, stride: entry.fine.stride, offset: entry.fine.offset },
  coarse: {
    cells: SEQUENCE_JITTER.cropSize / entry.coarse.stride,
    stride: entry.coarse.stride,
    offset: entry.coarse.offset,
  },
  cropSize: SEQUENCE_JITTER.cropSize,
};
const config = { ...DEFAULT_HEAD, fineIn: entry.fine.channels, coarseIn: entry.coarse.channels };
const tensorflow = await openTensorflow({ threads: options.threads });
console.error(`TensorFlow.js backend ${tensorflow.backend}: ${tensorflow.reason}`);
const bank = await Bank.open(bankFolder, entry.sha256);
const settingsHash = createHash('sha256')
  .update(JSON.stringify({ settings, config, backbone: entry.sha256 }))
  .digest('hex');
const validation = await validateHead.prepare(entry, join(options.data, 'sequences'), bankFolder, options.threads);
const { weights, state } = await train({
  tf: tensorflow.tf,
  bank,
  geometry,
  settings,
  settingsHash,
  checkpoint: join(options.work, 'checkpoint.safetensors'),
  curve: join(options.work, 'curve.csv'),
  initial: () => initialiseHead(config, createRandom(settings.seed)),
  validate: (weights) => validation(tensorflow, { config, weights, geometry }),
  onProgress: (p) => {
    const shares = `load ${(100 * p.load).toFixed(0)} % compute ${(100 * p.compute).toFixed(0)} % update ${(100 * p.update).toFixed(0)} %`;
    const figures = Object.entries(p.validation ?? {}).map(([name, value]) => `${name} ${value.toFixed(3)}`);
    console.error(
      `${p.step}/${p.steps} energy ${p.energyLoss.toFixed(3)} proposal ${p.proposalLoss.toFixed(3)} norm ${p.gradientNorm.toFixed(1)} ` +
        `${p.pairsPerSecond.toFixed(0)} pairs/s (${shares}) ETA ${(p.secondsLeft / 60).toFixed(0)} min ${figures.join(' ')}`,
    );
  },
});
if (options.out) {
  await writeSafetensors(options.out, {
    tensors: weights,
    metadata: {
      kind: 'ebm-tracker head 1',
      config: JSON.stringify(config),
      geometry: JSON.stringify(geometry),
      backbone: entry.sha256,
      settings: JSON.stringify(settings),
      command: `tools/train.ts --steps ${options.steps} --seed ${options.seed}`,
      data: `${sequences.length} sequences, ${bank.entries.length} crops in the bank`,
      pairs: String(state.pairs),
      tensorflow: tensorflow.version,
    },
  });
  console.error(`wrote ${options.out}`);
}
