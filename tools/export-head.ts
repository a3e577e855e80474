/**
 * Enters a head in models/manifest.json. Only the head that ships needs this: `--head FILE` tracks with the file itself.
 *
 *   npx tsx tools/export-head.ts models/head.safetensors [--name default] [--manifest models/manifest.json] [--confidence FILE]
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { parseHeadFile, readField } from '../src/ebm/head-file.js';
import { confidenceSchema, type ConfidenceModel, type HeadEntry } from '../src/features/manifest.js';
import { findPlace, isSamePlace } from '../src/files/place.js';
import { writeWhole } from '../src/files/write.js';
import { sha256Of } from '../src/hash.js';
import { DEFAULT_MANIFEST } from '../src/node/platform.js';
import { runTool } from './lib/run-tool.js';

interface RawManifest {
  backbones: Record<string, { sha256: string }>;
  heads?: Record<string, HeadEntry>;
  default: Record<string, string>;
}

/** Copies the weights beside the manifest, and enters them in it. */
export async function exportHead(
  weightFile: string,
  name: string,
  manifestFile: string,
  confidenceFile?: string,
): Promise<void> {
  const bytes = await readFile(weightFile);
  const { backbone: trainedOn, metadata } = parseHeadFile(bytes, weightFile);
  const manifest = JSON.parse(await readFile(manifestFile, 'utf8')) as RawManifest;
  const backbone = Object.entries(manifest.backbones).find(([, entry]) => entry.sha256 === trainedOn)?.[0];
  if (!backbone)
    throw new Error(`${weightFile} was trained on backbone ${trainedOn}, which ${manifestFile} does not name`);
  const stored = path.join(path.dirname(manifestFile), `head-${name}.safetensors`);
  // the same file by another name is not written anew
  if (!isSamePlace(await findPlace(stored), await findPlace(weightFile))) await writeWhole(stored, bytes);
  const sha256 = sha256Of(bytes);
  const own = 'confidence' in metadata ? readField(metadata, 'confidence', confidenceSchema, weightFile) : undefined;
  const previous = manifest.heads?.[name];
  // what was fitted later to the same weights stands in the manifest alone
  const kept = previous?.sha256 === sha256 ? previous.confidence : (own ?? previous?.confidence);
  const confidence: ConfidenceModel = confidenceFile
    ? confidenceSchema.parse(JSON.parse(await readFile(confidenceFile, 'utf8')))
    : (kept ?? { bias: 0, weights: [] });
  const entry: HeadEntry = { file: path.basename(stored), sha256, backbone, confidence };
  manifest.heads = { ...manifest.heads, [name]: entry };
  manifest.default = { ...manifest.default, head: manifest.default['head'] ?? name };
  await writeWhole(manifestFile, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

if (process.argv[1] === import.meta.filename) {
  const command = new Command()
    .argument('<weights>', 'safetensors file of ebm-tracker train or finetune')
    .option('--name <name>', 'name of the head in the manifest', 'default')
    .option('--manifest <file>', 'manifest to enter it in', DEFAULT_MANIFEST)
    .option(
      '--confidence <file>',
      'JSON of the confidence fit (benchmarks/confidence); left out: that of the file, or kept as it is',
    )
    .parse();
  const { name, manifest, confidence } = command.opts<{ name: string; manifest: string; confidence?: string }>();
  await runTool('export-head', async () => {
    await exportHead(command.args[0]!, name, manifest, confidence);
    console.error(`head "${name}" entered in ${manifest}`);
  });
}
