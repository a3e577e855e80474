/**
 * Blends a trained head, and the last stage of its backbone that was learned with it, with the head that it was trained from: a mean of weights is
 * often better than each on footage that none was trained on (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022). Branches that
 * the earlier head lacks are taken over whole.
 *
 *   npx tsx tools/blend-heads.ts after.safetensors --share 0.5 --out blend.safetensors
 *
 * after.backbone.onnx and after.manifest.json lie beside the head; so do the blend's. The head and the backbone before are those of
 * models/manifest.json.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Command } from 'commander';
import { parseHeadFile } from '../src/ebm/head-file.js';
import type { Weights } from '../src/ebm/head.js';
import { keepInputs } from '../src/files/keep-inputs.js';
import { writeWhole } from '../src/files/write.js';
import { sha256Of } from '../src/hash.js';
import { writeSafetensors } from '../src/io/safetensors-file.js';
import { findBackbone, loadManifest, openHead } from '../src/node/open.js';
import { besideHead } from '../src/training/inputs.js';
import { readLearnedStages, withLearnedStages } from '../src/training/learned-stages.js';
import { runTool } from './lib/run-tool.js';

/**
 * @param before may lack weights of `after`, or have fewer rows of them: what it lacks is taken from `after`
 * @param share of `after`
 */
export function blend(before: Weights, after: Weights, share: number): Weights {
  const mix = (name: string) => (value: number, i: number) => {
    const old = before[name]?.data[i];
    return old === undefined ? value : share * value + (1 - share) * old;
  };
  return Object.fromEntries(
    Object.entries(after).map(([name, { shape, data }]) => [name, { shape, data: data.map(mix(name)) }]),
  );
}

async function blendHeads(file: string, share: number, out: string): Promise<void> {
  const [from, to] = [besideHead(file), besideHead(out)];
  await keepInputs(
    [out, to.file, to.manifest].map((path) => ({ what: '--out', path })),
    [file, from.file, from.manifest].map((path) => ({ what: 'the trained head', path })),
  );
  const shipped = await loadManifest();
  const entry = await findBackbone(shipped);
  const bytes = await readFile(entry.file);
  const stages = blend(
    readLearnedStages(bytes, entry).weights,
    readLearnedStages(await readFile(from.file), entry).weights,
    share,
  );
  const backbone = withLearnedStages(bytes, stages);
  await writeWhole(to.file, backbone);
  const manifest = JSON.parse(await readFile(from.manifest, 'utf8')) as {
    backbones: Record<string, object>;
    default: { backbone: string };
  };
  const name = manifest.default.backbone;
  const sha256 = sha256Of(backbone);
  manifest.backbones[name] = { ...manifest.backbones[name], file: basename(to.file), sha256 };
  await writeWhole(to.manifest, JSON.stringify(manifest));

  const before = await openHead(shipped);
  const trained = parseHeadFile(await readFile(file), file);
  const command = `${trained.metadata['command'] ?? ''}; tools/blend-heads.ts ${basename(file)} --share ${share}`;
  await writeSafetensors(out, {
    tensors: blend(before.model.weights, trained.model.weights, share),
    metadata: { ...trained.metadata, backbone: sha256, command },
  });
}

if (process.argv[1] === import.meta.filename) {
  const command = new Command()
    .argument('<head>', 'safetensors file of ebm-tracker train --learn-backbone')
    .requiredOption('--share <x>', 'share of the trained weights, 0 to 1', Number)
    .requiredOption('--out <file>', 'the blend')
    .parse();
  const { share, out } = command.opts<{ share: number; out: string }>();
  await runTool('blend-heads', () => blendHeads(command.args[0]!, share, out));
}
