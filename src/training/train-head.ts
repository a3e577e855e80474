/** Trains a head from scratch: fills the feature bank once, then trains from it; stopped at any moment, it goes on. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_HEAD, type HeadModel, type MapGeometry } from '../ebm/head.js';
import { findBackbone, loadManifest, type BackboneEntry } from '../features/manifest.js';
import { createRandom } from '../random.js';
import { openTensorflow } from '../runtime/tensorflow.js';
import { openHead } from '../tracker/open-head.js';
import { SEQUENCE_JITTER } from './augment.js';
import { readPhotos, readSequences } from './dataset.js';
import { drawCurve } from './curve.js';
import { writeHeadFile } from './head-file.js';
import { initialiseHead } from './initialise.js';
import { DEFAULT_TRAINING, train } from './loop.js';
import type { ProposalObjective } from './objective.js';
import {
  describeBackend,
  drawing,
  prepareBank,
  stopped,
  withBackbone,
  workFiles,
  type Footage,
  type TrainingCommon,
  type TrainingWatch,
} from './session.js';
import { prepareSplits } from './validate.js';

export interface TrainHeadRequest extends TrainingCommon {
  /** Folder with sequences/train, sequences/val and images; see dataset.ts. */
  readonly data: string;
  /** Weights written at the end; left out: only the checkpoint. */
  readonly out?: string;
  /** Share of the training proposal that is the learned one. */
  readonly learnedShare?: number;
  readonly proposalObjective?: ProposalObjective;
  readonly cropsPerSequence: number;
  readonly objectsPerPhoto: number;
  readonly cropsPerObject: number;
}

/** Sequences to learn from, and photographs. @throws TrackerError DATA_INVALID naming path and line */
export async function readTrainingFootage(data: string): Promise<Footage> {
  const [sequences, photos] = await Promise.all([
    readSequences(join(data, 'sequences/train')),
    readPhotos(join(data, 'images')),
  ]);
  return { sequences, photos };
}

/**
 * @throws TrackerError INTERRUPTED where the signal was aborted; DATA_INVALID, CHECKPOINT_INVALID, MODEL_MISSING, MODEL_INVALID,
 *   TENSORFLOW_UNAVAILABLE, OPTION_INVALID
 */
export async function trainHead(request: TrainHeadRequest, watch: TrainingWatch): Promise<void> {
  const { work, seed, threads, steps, objective } = request;
  const { learnedShare = DEFAULT_TRAINING.learnedShare, proposalObjective = DEFAULT_TRAINING.proposalObjective } =
    request;
  const settings = { ...DEFAULT_TRAINING, objective, learnedShare, proposalObjective, steps, seed };
  const manifest = await loadManifest();
  const entry = await findBackbone(manifest);
  const { confidence } = await openHead(manifest);
  const footage = await readTrainingFootage(request.data);
  await mkdir(work, { recursive: true });
  const { bank, data } = await prepareBank(request, entry, footage, request, watch);
  const validate = await withBackbone(entry, threads, (backbone) =>
    prepareSplits(join(request.data, 'sequences'), join(work, 'bank'), backbone),
  );
  const tensorflow = await openTensorflow({ backend: request.backend, threads });
  watch.say(describeBackend(tensorflow));
  const geometry = geometryOf(entry);
  const config = { ...DEFAULT_HEAD, fineIn: entry.fine.channels, coarseIn: entry.coarse.channels };
  const { checkpoint, curve, picture } = workFiles(work);
  const { weights, state, finished } = await train({
    tf: tensorflow.tf,
    bank,
    geometry,
    settings,
    settingsHash: sha256(JSON.stringify({ settings, config, backbone: entry.sha256 })),
    checkpoint,
    curve,
    initial: () => initialiseHead(config, createRandom(seed)),
    validate: (weights) => validate({ config, weights, geometry }),
    onProgress: drawing(watch, work),
    signal: watch.signal,
  });
  bank.close();
  await drawCurve(curve, picture);
  if (!finished) throw stopped(`after step ${state.step} of ${steps}`);
  if (request.out === undefined) return;
  // its figures are of the same kind as those of the head that ships, whose fit is nearest until it gets one of its own
  const head = { config, geometry, weights, backbone: entry.sha256, confidence };
  const { command } = request;
  await writeHeadFile(request.out, head, {
    objective,
    settings,
    data: { sha256: data, sequences: footage.sequences.length, crops: bank.entries.length },
    command,
    tensorflow: tensorflow.version,
    step: state.step,
    pairs: state.pairs,
  });
  watch.say(`wrote ${request.out}; the curve is ${picture}`);
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Maps of a search crop of this backbone. */
function geometryOf({ fine, coarse }: BackboneEntry): HeadModel['geometry'] {
  const { cropSize } = SEQUENCE_JITTER;
  const axis = ({ stride, offset }: BackboneEntry['fine']): MapGeometry['fine'] => ({
    cells: cropSize / stride,
    stride,
    offset,
  });
  return { fine: axis(fine), coarse: axis(coarse), cropSize };
}
