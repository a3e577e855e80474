/** Fine-tuning from a folder to a file: the footage is found and checked, then finetune.ts learns from it. */
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { DEFAULT_MANIFEST, findBackbone, loadManifest } from '../features/manifest.js';
import { openHead } from '../tracker/open-head.js';
import type { FinetuneOptions, FinetuneResult } from './finetune-options.js';
import { finetune } from './finetune.js';
import { readFootage, type FootageFound } from './footage.js';
import { DEFAULT_OBJECTIVE, objectiveName } from './objective.js';

const ENDING = '.safetensors';

/**
 * @throws TrackerError OPTION_INVALID, INPUT_NOT_FOUND, MODEL_MISSING, OUTPUT_FAILED before anything is read; DATA_INVALID where footage has
 *   faults or is too little; NOT_IMPROVED where nothing was written; INTERRUPTED where the signal was aborted; TENSORFLOW_UNAVAILABLE
 */
export async function finetuneOnFootage(options: FinetuneOptions): Promise<FinetuneResult> {
  const {
    out,
    from,
    steps = 300,
    learningRate = 1e-4,
    crops = 2400,
    seed = 1,
    threads = 2,
    backend = 'auto',
  } = options;
  const { signal, say = ignore, onFeatures = ignore, onProgress = ignore } = options;
  const objective = objectiveName(options.objective ?? DEFAULT_OBJECTIVE);
  await checkOut(out, from);
  const manifest = await loadManifest();
  const head = await openHead(manifest, from);
  const found = await readChecked(options, say);
  const request = {
    ...found,
    steps,
    learningRate,
    crops,
    seed,
    threads,
    objective,
    backend,
    head,
    backbone: await findBackbone(manifest, head.backbone),
    out,
    work: options.work ?? `${out.slice(0, -ENDING.length)}.work`,
    command:
      options.command ??
      `ebm-tracker finetune --steps ${steps} --rate ${learningRate} --crops ${crops} --seed ${seed} --objective ${objective} --backend ${backend}`,
  };
  return finetune(request, { say, onBank: onFeatures, onProgress, signal });
}

const ignore = (): void => undefined;

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
  return { sequences, ...(heldOut ? { heldOut } : {}) };
}

/** @throws TrackerError OPTION_INVALID where it would replace weights that ship or start, or is no weight file; OUTPUT_FAILED */
async function checkOut(out: string, from: string | undefined): Promise<void> {
  const file = path.resolve(out);
  const shipped = path.dirname(DEFAULT_MANIFEST);
  const refuse = (why: string): TrackerError =>
    new TrackerError('OPTION_INVALID', `new head ${out}: ${why}`, {
      hint: `name another file, for example my-head${ENDING}`,
    });
  if (!out.endsWith(ENDING)) throw refuse(`found the ending "${path.extname(out)}", expected ${ENDING}`);
  if (file.startsWith(shipped + path.sep)) throw refuse(`lies in ${shipped}, whose weights are never replaced`);
  if (from !== undefined && path.resolve(from) === file) throw refuse('is the head that it starts from');
  await access(path.dirname(file), constants.W_OK).catch((cause: unknown) => {
    throw new TrackerError('OUTPUT_FAILED', `new head ${out}: ${messageOf(cause)}`, {
      hint: `mkdir -p ${path.dirname(out)}, or name a folder that you may write to`,
      cause,
    });
  });
}
