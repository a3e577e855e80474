/**
 * Blends a trained head with the one that it was trained from: on footage that neither was trained on, a mean of weights is often better than each
 * (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022). Branches that the head before lacks are taken whole.
 *
 *   npx tsx tools/blend-heads.ts after.safetensors --share 0.5 --out blend.safetensors [--before FILE] [--learn-from VALUE]
 *
 * Where stages of the backbone were learned with it, after.backbone.onnx and after.manifest.json lie beside it: they are blended with the backbone
 * of models/manifest.json, and the blend's lie beside the blend.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Command } from 'commander';
import { parseHeadFile } from '../src/ebm/head-file.js';
import type { Weights } from '../src/ebm/head.js';
import type { BackboneEntry } from '../src/features/manifest.js';
import { keepInputs } from '../src/files/keep-inputs.js';
import { statOf } from '../src/files/place.js';
import { writeWhole } from '../src/files/write.js';
import { sha256Of } from '../src/hash.js';
import { writeSafetensors } from '../src/io/safetensors-file.js';
import { findBackbone, loadManifest, openHead } from '../src/node/open.js';
import { besideHead } from '../src/training/inputs.js';
import { readLearnedStages, withLearnedStages } from '../src/training/learned-stages.js';
import { runTool } from './lib/run-tool.js';

export interface BlendOptions {
  /** Of the trained weights, 0 to 1. */
  readonly share: number;
  readonly out: string;
  /** Weight file of the head before; left out: the head that ships. */
  readonly before?: string | undefined;
  /** What `train` was given. */
  readonly learnFrom?: string | undefined;
}

/**
 * @param before may lack weights of `after`, or have fewer rows of them: what it lacks is taken from `after`
 * @param share of `after`
 * @throws Error where a weight has other columns
 */
export function blend(before: Weights, after: Weights, share: number): Weights {
  return Object.fromEntries(
    Object.entries(after).map(([name, { shape, data }]) => {
      const old = before[name];
      if (old && (old.shape.slice(1).join() !== shape.slice(1).join() || old.data.length > data.length))
        throw new Error(`weight ${name}: shape [${old.shape}] before, expected [${shape}], or fewer rows`);
      const mix = (value: number, i: number): number =>
        old && i < old.data.length ? share * value + (1 - share) * old.data[i]! : value;
      return [name, { shape, data: data.map(mix) }];
    }),
  );
}

/**
 * @param file the trained head
 * @throws Error where the heads are of different backbones or widths; TrackerError MODEL_INVALID; OPTION_INVALID where the blend would replace
 *   what it is made of
 */
export async function blendHeads(file: string, { share, out, before, learnFrom }: BlendOptions): Promise<void> {
  const [from, to] = [besideHead(file), besideHead(out)];
  const read = [file, from.file, from.manifest, ...(before === undefined ? [] : [before])];
  await keepInputs(
    [out, to.file, to.manifest].map((path) => ({ what: '--out', path })),
    read.map((path) => ({ what: 'a head', path })),
  );
  const shipped = await loadManifest();
  const old = await openHead(shipped, before);
  const data = await readFile(file);
  const trained = parseHeadFile(data, file);
  const weights = blend(old.model.weights, trained.model.weights, share);
  const entry = await findBackbone(shipped, old.backbone);
  const learned = (await statOf(from.file)) !== undefined;
  if (!learned && trained.backbone !== entry.sha256)
    throw new Error(
      `${file}: trained on backbone ${trained.backbone}, expected that of the head before, ${entry.sha256}`,
    );
  const backbone = learned ? await blendBackbones(entry, from, to, share, learnFrom) : entry.sha256;
  const command = `${trained.metadata['command'] ?? ''}; tools/blend-heads.ts ${basename(file)} --share ${share}`;
  const blended = JSON.stringify([old.sha256, sha256Of(data)]);
  await writeSafetensors(out, { tensors: weights, metadata: { ...trained.metadata, backbone, command, blended } });
}

/** Writes the blend's backbone and manifest. @param entry of the backbone before. @returns the backbone's sha256 */
async function blendBackbones(
  entry: BackboneEntry,
  from: ReturnType<typeof besideHead>,
  to: ReturnType<typeof besideHead>,
  share: number,
  learnFrom: string | undefined,
): Promise<string> {
  const bytes = await readFile(entry.file);
  const stagesOf = (backbone: Uint8Array): Weights => readLearnedStages(backbone, entry, learnFrom).weights;
  const backbone = withLearnedStages(bytes, blend(stagesOf(bytes), stagesOf(await readFile(from.file)), share));
  await writeWhole(to.file, backbone);
  const manifest = JSON.parse(await readFile(from.manifest, 'utf8')) as {
    backbones: Record<string, object>;
    default: { backbone: string };
  };
  const name = manifest.default.backbone;
  const sha256 = sha256Of(backbone);
  manifest.backbones[name] = { ...manifest.backbones[name], file: basename(to.file), sha256 };
  await writeWhole(to.manifest, JSON.stringify(manifest));
  return sha256;
}

if (process.argv[1] === import.meta.filename) {
  const command = new Command()
    .argument('<head>', 'safetensors file of ebm-tracker train or finetune')
    .requiredOption('--share <x>', 'share of the trained weights, 0 to 1', Number)
    .requiredOption('--out <file>', 'the blend')
    .option('--before <file>', 'the head before; left out: the one that ships')
    .option('--learn-from <value>', 'as it was trained; see train --help')
    .parse();
  await runTool('blend-heads', () => blendHeads(command.args[0]!, command.opts<BlendOptions>()));
}
