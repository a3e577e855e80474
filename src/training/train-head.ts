/** Trains a head from scratch: fills the feature bank once, then trains from it; stopped at any moment, it goes on. */
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sha256Of } from '../hash.js';
import { copyWeights, DEFAULT_HEAD, type HeadModel, type MapGeometry, type Weights } from '../ebm/head.js';
import type { BackboneEntry } from '../features/manifest.js';
import { writeWhole } from '../files/write.js';
import { findBackbone, loadManifest, openHead } from '../node/open.js';
import { createRandom } from '../random.js';
import { openTensorflow } from '../runtime/tensorflow.js';
import { SEQUENCE_JITTER } from './augment.js';
import { readPhotos, readSequences } from '../datasets/footage.js';
import { bankStep } from './bank-step.js';
import { drawCurve } from './curve.js';
import { writeHeadFile } from './head-file.js';
import { initialiseHead, withBranches } from './initialise.js';
import { besideHead, checkTrainingOutputs } from './inputs.js';
import { earlierBase, mapsFromBase, readLearnedStages, splitWeights, withLearnedStages } from './learned-stages.js';
import type { FillPlan } from './fill-bank.js';
import { train } from './loop.js';
import { mixFootage, readSource, type Source } from './mixture.js';
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
import { parseSettings, trainingSchema, type TrainingOptions } from './settings.js';
import { prepareSplits } from './validate.js';

export interface TrainHeadRequest
  extends Pick<TrainingCommon, 'work' | 'threads' | 'backend' | 'command'>, Omit<FillPlan, 'seed'> {
  /** Settings that are left out have their defaults. */
  readonly settings: TrainingOptions;
  /** Folder with sequences/train, sequences/val and images; see footage.ts. */
  readonly data: string;
  /** Folders of public layouts that are learned from too. */
  readonly more?: readonly Source[] | undefined;
  /** Weights written at the end; left out: only the checkpoint. */
  readonly out?: string | undefined;
  /** Head to start from, as openHead() takes it; left out: random weights. */
  readonly from?: string | undefined;
  /** Whose default backbone is used; left out: the one that ships. */
  readonly manifest?: string | undefined;
  /** Behind which value of the backbone's graph its stages learn; left out: the fine map, which is before the last stage. */
  readonly stagesFrom?: string | undefined;
}

/** Sequences to learn from, and photographs. @throws TrackerError DATA_INVALID naming path and line */
export async function readTrainingFootage(data: string): Promise<Footage> {
  const [sequences, photos] = await Promise.all([
    readSequences(join(data, 'sequences/train')),
    readPhotos(join(data, 'images')),
  ]);
  return { sequences, photos };
}

/** The footage of the main folder and of all that were added. @param say is told what each folder gives */
async function readMixture(
  { data, more = [] }: Pick<TrainHeadRequest, 'data' | 'more'>,
  say: TrainingWatch['say'],
): Promise<Footage> {
  const parts = [await readTrainingFootage(data)];
  for (const source of more) {
    const part = await readSource(source, say);
    say(
      `${source.path}: ${part.sequences.length} sequences, ${part.photos.length} photographs, weight ${source.weight}`,
    );
    parts.push(part);
  }
  return mixFootage(parts);
}

/**
 * @throws TrackerError INTERRUPTED where the signal was aborted; DATA_INVALID, CHECKPOINT_INVALID, MODEL_MISSING, MODEL_INVALID,
 *   TENSORFLOW_UNAVAILABLE, OPTION_INVALID
 */
export async function trainHead(request: TrainHeadRequest, watch: TrainingWatch): Promise<void> {
  const { work, threads } = request;
  const settings = parseSettings(trainingSchema, request.settings);
  const { seed, steps, objective, stageRate } = settings;
  const manifest = await loadManifest(request.manifest);
  const entry = await findBackbone(manifest);
  const start =
    request.from === undefined ? await openHead(await loadManifest()) : await openHead(manifest, request.from);
  const footage = await readMixture(request, watch.say);
  await checkTrainingOutputs({ ...request, stageRate }, footage, manifest);
  await mkdir(work, { recursive: true });
  const file = await readFile(entry.file);
  const stages = stageRate === undefined ? undefined : readLearnedStages(file, entry, request.stagesFrom);
  const { bank, data } = await prepareBank(request, entry, footage, { ...request, seed }, watch, stages);
  const validate = await withBackbone(
    entry,
    threads,
    (backbone) => prepareSplits(join(request.data, 'sequences'), join(work, 'bank'), backbone, earlierBase(stages)),
    stages,
  );
  const tensorflow = await openTensorflow({ backend: request.backend, threads });
  watch.say(describeBackend(tensorflow));
  const geometry = geometryOf(entry);
  const fresh = { ...DEFAULT_HEAD, fineIn: entry.fine.channels, coarseIn: entry.coarse.channels };
  const first = (): Pick<HeadModel, 'config' | 'weights'> =>
    request.from === undefined
      ? { config: fresh, weights: initialiseHead(fresh, createRandom(seed)) }
      : withBranches(start.model, createRandom(seed));
  const { config } = first();
  const { tf } = tensorflow;
  const initial = (): Weights => ({
    ...copyWeights(first().weights),
    ...(stages ? copyWeights(stages.weights) : {}),
  });
  const { checkpoint, curve, picture } = workFiles(work);
  const { weights, state, finished } = await train({
    settings,
    step: bankStep({ tf, bank, geometry, settings, stages }),
    settingsHash: sha256Of(
      JSON.stringify({
        settings,
        config,
        backbone: entry.sha256,
        stages: stages?.base,
        from: request.from ? start.sha256 : '',
      }),
    ),
    checkpoint,
    curve,
    initial,
    validate: (weights) => {
      const { head, stage: learned } = splitWeights(weights);
      const options = stages ? { maps: mapsFromBase(tf, learned, stages) } : {};
      return validate({ config, weights: head, geometry }, options);
    },
    onProgress: drawing(watch, work),
    signal: watch.signal,
  });
  bank.close();
  await drawCurve(curve, picture);
  if (!finished) throw stopped(`after step ${state.step} of ${steps}`);
  if (request.out === undefined) return;
  const { head: headWeights, stage: learned } = splitWeights(weights);
  const backbone = stages ? await writeBackbone(request.out, withLearnedStages(file, learned), entry) : entry.sha256;
  // its figures are of the same kind as those of the head it began with or that ships, whose fit is nearest until it gets one of its own
  const head = { config, geometry, weights: headWeights, backbone, confidence: start.confidence };
  const { command } = request;
  await writeHeadFile(request.out, head, {
    objective,
    settings,
    data: { sha256: data, sequences: footage.sequences.length, crops: bank.entries.length },
    command,
    tensorflow: tensorflow.version,
    step: state.step,
    pairs: state.pairs,
    from: request.from === undefined ? undefined : start.sha256,
  });
  watch.say(`wrote ${request.out}; the curve is ${picture}`);
}

/** Beside the head: its backbone, and a manifest that names it (`--config` with "manifest"). @returns the backbone's sha256 */
async function writeBackbone(out: string, bytes: Uint8Array, entry: BackboneEntry): Promise<string> {
  const { file, manifest } = besideHead(out);
  const hash = sha256Of(bytes);
  const { name, ...rest } = entry;
  const origin = `${entry.origin}; its last stages learned with ${basename(out)}`;
  const backbones = { [name]: { ...rest, file: basename(file), sha256: hash, origin } };
  await writeWhole(file, bytes);
  await writeWhole(manifest, JSON.stringify({ version: 1, backbones, default: { backbone: name } }));
  return hash;
}

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
