/** Fine-tuning from a folder to a file: the footage is found and checked, then finetune.ts learns from it. */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { TrackerError } from '../errors.js';
import { findBackbone, loadManifest, openHead, publishedFileOf } from '../node/open.js';
import { DEFAULT_MANIFEST } from '../node/platform.js';
import { headFileOf } from '../tracker/open-head.js';
import { filesOfManifest } from '../features/manifest.js';
import { keepInputs, type Input } from '../files/keep-inputs.js';
import { findPlace } from '../files/place.js';
import { checkWritable } from '../files/write.js';
import type { FinetuneOptions, FinetuneResult } from './finetune-options.js';
import { finetune } from './finetune.js';
import { finetunePublished } from './finetune-published.js';
import { readFootage, type FootageFound } from './footage.js';
import { inputsOfFootage, workOutputs } from './inputs.js';
import { finetuneRunSchema, finetuningSchema, parseSettings } from './settings.js';

const ENDING = '.safetensors';

/**
 * @throws TrackerError OPTION_INVALID, INPUT_NOT_FOUND, MODEL_MISSING, OUTPUT_FAILED before anything is read; DATA_INVALID where footage has
 *   faults or is too little; NOT_IMPROVED where nothing was written; INTERRUPTED where the signal was aborted; TENSORFLOW_UNAVAILABLE
 */
export async function finetuneOnFootage(options: FinetuneOptions): Promise<FinetuneResult> {
  const { out, from } = options;
  const { threads, backend, crops } = parseSettings(finetuneRunSchema, {
    threads: options.threads,
    backend: options.backend,
    crops: options.crops,
  });
  const { steps, learningRate, seed, objective } = parseSettings(finetuningSchema, {
    steps: options.steps,
    learningRate: options.learningRate,
    seed: options.seed,
    objective: options.objective,
  });
  const { signal, say = ignore, onFeatures = ignore, onProgress = ignore } = options;
  await checkOut(out);
  const manifest = await loadManifest();
  const work = options.work ?? `${out.slice(0, -ENDING.length)}.work`;
  const outputs = [{ what: 'new head', path: out }, ...workOutputs(work)];
  const networks = filesOfManifest(manifest).map((path): Input => ({ what: 'the networks', path }));
  const imported = from === undefined ? undefined : await publishedFileOf({ head: from });
  const start = imported ?? headFileOf(manifest, from);
  const named: Input[] = [{ what: 'the head that it starts from', path: start }, ...networks];
  await keepInputs(outputs, [...named, ...inputsNamed(options)]);
  const head = imported === undefined ? await openHead(manifest, from) : undefined;
  const found = await readChecked(options, say);
  const sequences = [...found.sequences, ...(found.heldOut ?? [])];
  await keepInputs(outputs, await inputsOfFootage({ sequences, photos: [] }));
  const request = {
    ...found,
    steps,
    learningRate,
    crops,
    seed,
    threads,
    objective,
    backend,
    out,
    work,
    command:
      options.command ??
      `ebm-tracker finetune --steps ${steps} --rate ${learningRate} --crops ${crops} --seed ${seed} --objective ${objective} --backend ${backend}`,
  };
  const watch = { say, onBank: onFeatures, onProgress, signal };
  if (head) return finetune({ ...request, head, backbone: await findBackbone(manifest, head.backbone) }, watch);
  return finetunePublished({ ...request, from: start }, watch);
}

const ignore = (): void => undefined;

/** Told before the footage is looked at, which takes a while. */
function inputsNamed({ data, truth }: FinetuneOptions): Input[] {
  const annotation = truth === undefined ? [] : [{ what: 'the annotation', path: truth }];
  return [{ what: 'the footage', path: data }, ...annotation];
}

/** Sequences without fault. @throws TrackerError DATA_INVALID, INPUT_NOT_FOUND, INTERRUPTED */
async function readChecked(
  { data, truth, skipBad, signal, onFault }: FinetuneOptions,
  say: (text: string) => void,
): Promise<Pick<FootageFound, 'sequences' | 'heldOut'>> {
  const { layout, sequences, heldOut, faults } = await readFootage(data, truth, signal);
  for (const fault of faults) onFault?.(fault);
  const bad = new Set(faults.map(({ sequence }) => sequence)).size;
  say(`${data}: ${layout}, ${sequences.length + (heldOut?.length ?? 0)} sequences without fault, ${bad} with`);
  if (bad > 0 && (!skipBad || sequences.length === 0)) {
    const { sequence, message } = faults[0]!;
    throw new TrackerError(
      'DATA_INVALID',
      `${data}: ${faults.length} faults in ${bad} sequences, the first in ${sequence}: ${message}`,
      { hint: 'mend them, or go on without these sequences: --skip-bad (in the library skipBad: true)' },
    );
  }
  return { sequences, heldOut };
}

/** @throws TrackerError OPTION_INVALID where it lies among the weights that ship, or is no weight file; OUTPUT_FAILED */
async function checkOut(out: string): Promise<void> {
  const refuse = (why: string): TrackerError =>
    new TrackerError('OPTION_INVALID', `new head ${out}: ${why}`, {
      hint: `name another file, for example my-head${ENDING}`,
    });
  if (!out.endsWith(ENDING)) throw refuse(`found the ending "${path.extname(out)}", expected ${ENDING}`);
  const shipped = await realpath(path.dirname(DEFAULT_MANIFEST));
  const { path: file } = await findPlace(out);
  if (file.startsWith(shipped + path.sep)) throw refuse(`lies in ${shipped}, whose weights are never replaced`);
  await checkWritable(out);
}
