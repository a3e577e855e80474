/**
 * The mean of the weights of heads that were trained one from the other (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022): on
 * footage that none of them was trained on it is often better than each.
 *
 *   npx tsx tools/average-heads.ts before.safetensors after.safetensors --out mean.safetensors
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { parseHeadFile, type HeadFile } from '../src/ebm/head-file.js';
import { keepInputs } from '../src/files/keep-inputs.js';
import { sha256Of } from '../src/hash.js';
import { writeSafetensors } from '../src/io/safetensors-file.js';
import { runTool } from './lib/run-tool.js';

/**
 * Writes the mean; what else the file says is what the last one says, with the hashes of all.
 * @throws Error where they differ in shape or backbone; TrackerError MODEL_INVALID; OPTION_INVALID where the mean would replace one of them
 */
export async function averageHeads(files: readonly string[], out: string): Promise<void> {
  await keepInputs(
    [{ what: '--out', path: out }],
    files.map((file) => ({ what: 'a head', path: file })),
  );
  const bytes = await Promise.all(files.map((file) => readFile(file)));
  const heads = bytes.map((data, i) => parseHeadFile(data, files[i]!));
  const last = heads.at(-1);
  if (!last || heads.length < 2) throw new Error(`found ${heads.length} heads, expected two at least`);
  const kindOf = ({ model: { config, geometry }, backbone }: HeadFile): string =>
    JSON.stringify([config, geometry, backbone]);
  const other = heads.findIndex((head) => kindOf(head) !== kindOf(last));
  if (other !== -1)
    throw new Error(`${files[other]}: other widths, geometry or backbone than ${files.at(-1)}, expected the same`);
  const mean = (name: string) => (_: number, i: number) =>
    heads.reduce((sum, { model }) => sum + model.weights[name]!.data[i]!, 0) / heads.length;
  const tensors = Object.fromEntries(
    Object.entries(last.model.weights).map(([name, { shape, data }]) => [name, { shape, data: data.map(mean(name)) }]),
  );
  const command = `tools/average-heads.ts ${files.map((file) => path.basename(file)).join(' ')}`;
  const averaged = JSON.stringify(bytes.map((data) => sha256Of(data)));
  await writeSafetensors(out, {
    tensors,
    metadata: { ...last.metadata, averaged, command: `${last.metadata['command'] ?? ''}; ${command}` },
  });
}

if (process.argv[1] === import.meta.filename) {
  const command = new Command()
    .argument('<weights...>', 'safetensors files of ebm-tracker train or finetune')
    .requiredOption('--out <file>', 'the mean')
    .parse();
  await runTool('average-heads', () => averageHeads(command.args, command.opts<{ out: string }>().out));
}
