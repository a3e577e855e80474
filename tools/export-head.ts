/**
 * Compiles a head to ONNX graphs and enters it in models/manifest.json. Only the head that ships needs this: `--head FILE` compiles by itself.
 *
 *   npx tsx tools/export-head.ts models/head.safetensors [--name default] [--manifest models/manifest.json] [--confidence FILE]
 */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { parseHeadFile } from '../src/ebm/load.js';
import { DEFAULT_MANIFEST } from '../src/features/manifest.js';
import { findPlace, isSamePlace } from '../src/files/place.js';
import { writeWhole } from '../src/files/write.js';
import { sha256Of } from '../src/hash.js';
import { compileGraphs } from '../src/tracker/compile.js';
import { runTool } from './lib/run-tool.js';

interface RawManifest {
  backbones: Record<string, { sha256: string }>;
  heads?: Record<string, unknown>;
  default: Record<string, string>;
}

/** Writes weights and graphs beside the manifest, and the entry into it. */
export async function exportHead(
  weightFile: string,
  name: string,
  manifestFile: string,
  confidenceFile?: string,
): Promise<void> {
  const folder = path.dirname(manifestFile);
  const bytes = await readFile(weightFile);
  const { model, backbone: trainedOn, confidence: own } = parseHeadFile(bytes, weightFile);
  const manifest = JSON.parse(await readFile(manifestFile, 'utf8')) as RawManifest;
  const backbone = Object.entries(manifest.backbones).find(([, entry]) => entry.sha256 === trainedOn)?.[0];
  if (!backbone)
    throw new Error(`${weightFile} was trained on backbone ${trainedOn}, which ${manifestFile} does not name`);
  const stored = path.join(folder, `head-${name}.safetensors`);
  // the same file by another name is not written anew
  if (!isSamePlace(await findPlace(stored), await findPlace(weightFile))) await writeWhole(stored, bytes);
  await mkdir(path.join(folder, `head-${name}`), { recursive: true });
  const graphs: Record<string, { file: string; sha256: string }> = {};
  for (const [graph, data] of Object.entries(compileGraphs(model))) {
    const file = `head-${name}/${graph}.onnx`;
    await writeWhole(path.join(folder, file), data);
    graphs[graph] = { file, sha256: sha256Of(data) };
  }
  const previous = manifest.heads?.[name] as { sha256?: string; confidence?: unknown } | undefined;
  const sha256 = sha256Of(bytes);
  // what was fitted later to the same weights stands in the manifest alone
  const kept = previous?.sha256 === sha256 ? (previous.confidence ?? own) : (own ?? previous?.confidence);
  const confidence = confidenceFile
    ? (JSON.parse(await readFile(confidenceFile, 'utf8')) as unknown)
    : (kept ?? { bias: 0, weights: [] });
  const entry = { file: path.basename(stored), sha256, backbone, graphs, confidence };
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
    console.error(`head "${name}" compiled beside ${manifest}`);
  });
}
