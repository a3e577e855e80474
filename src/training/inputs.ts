/** Lists the files that training reads and writes, so that nothing that is read is written. */
import path from 'node:path';
import { headFileOf } from '../tracker/open-head.js';
import { filesOfManifest, type Manifest } from '../features/manifest.js';
import { keepInputs, type Input, type Output } from '../files/keep-inputs.js';
import { checkWritable } from '../files/write.js';
import { inputsOfVideo } from '../video/inputs.js';
import { BANK_FILES } from './bank.js';
import { readSequences } from '../datasets/footage.js';
import { CROP_SETS, cropFiles } from './published-crops.js';
import { workFiles, type Footage } from './session.js';

/** Frames and annotations. */
export async function inputsOfFootage({ sequences, photos }: Footage): Promise<Input[]> {
  const inputs: Input[] = photos.map(({ file }) => ({ what: 'a photograph', path: file }));
  for (const { video, annotation } of sequences) {
    inputs.push(...(await inputsOfVideo(video)));
    if (annotation !== undefined) inputs.push({ what: 'the annotation', path: annotation });
  }
  return inputs;
}

/** Folders of crops in a work folder, of `train` and of `finetune`. */
const BANKS = ['bank', 'held-out-pairs', 'bank-train-pairs', 'bank-val-pairs'];

/** All that a run writes into its work folder. */
export function workOutputs(work: string): Output[] {
  const banks = BANKS.flatMap((bank) => BANK_FILES.map((file) => path.join(work, bank, file)));
  const crops = CROP_SETS.flatMap((name) => Object.values(cropFiles(work, name)));
  return [...Object.values(workFiles(work)), ...banks, ...crops].map((file) => ({ what: '--work', path: file }));
}

interface TrainingPaths {
  readonly data: string;
  readonly work: string;
  readonly out?: string | undefined;
  readonly from?: string | undefined;
  /** Given where the backbone is learned too. */
  readonly stageRate?: number | undefined;
}

/** Files beside the head where the backbone is learned too. */
export function besideHead(out: string): { file: string; manifest: string } {
  const stem = out.replace(/\.safetensors$/, '');
  return { file: `${stem}.backbone.onnx`, manifest: `${stem}.manifest.json` };
}

/** Told before the hours of work. @throws TrackerError OPTION_INVALID where something that is read would be written; OUTPUT_FAILED */
export async function checkTrainingOutputs(
  { data, out, work, stageRate, from }: TrainingPaths,
  footage: Footage,
  manifest: Manifest,
): Promise<void> {
  const heads = out === undefined ? [] : [out, ...(stageRate === undefined ? [] : Object.values(besideHead(out)))];
  const outputs = [...heads.map((file): Output => ({ what: '--out', path: file })), ...workOutputs(work)];
  const judged = await readSequences(path.join(data, 'sequences/val')).catch(() => []);
  const networks = [...filesOfManifest(manifest), ...(from === undefined ? [] : [headFileOf(manifest, from)])];
  await keepInputs(outputs, [
    ...networks.map((file): Input => ({ what: 'the networks', path: file })),
    ...(await inputsOfFootage({ ...footage, sequences: [...footage.sequences, ...judged] })),
  ]);
  for (const head of heads) await checkWritable(head);
}
