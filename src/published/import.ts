/** From a checkpoint of torch.save to a file that tracks. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import type { StoredTensor } from '../io/safetensors.js';
import { invalidCheckpoint, PickledForeign, type Pickled } from '../io/pickle.js';
import { CheckpointTensor, readTorchCheckpoint, type TorchCheckpoint } from '../io/torch-checkpoint.js';
import { usedShapes } from './architecture.js';
import type { PublishedModel } from './file.js';
import { findArchitecture, identify, provenanceOf, type Refuse } from './identify.js';
import { filterSettings } from './settings.js';
import { TRACKERS, type TrackerId } from './trackers.js';

/** Result of an import. */
export interface Imported {
  readonly model: PublishedModel;
  readonly container: TorchCheckpoint['container'];
  /** Tensors in the checkpoint, used or not. */
  readonly tensors: number;
}

/** The largest published one has 400 MB, with what its training kept. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * @param like which tracker it is, where the file does not tell
 * @throws TrackerError INPUT_NOT_FOUND, CHECKPOINT_INVALID naming what it is instead
 */
export async function importCheckpoint(file: string, like?: TrackerId): Promise<Imported> {
  return convertCheckpoint(await readCheckpointFile(file), file, like);
}

async function readCheckpointFile(file: string): Promise<Uint8Array> {
  const missing = (why: string, cause?: unknown): never => {
    throw new TrackerError('INPUT_NOT_FOUND', `checkpoint ${file}: ${why}`, { hint: 'check the path', cause });
  };
  const found = await stat(file).catch((cause: unknown) => missing(`cannot be read (${messageOf(cause)})`, cause));
  if (!found.isFile()) missing('found a folder or device, expected a file');
  if (found.size > MOST_BYTES) invalidCheckpoint(file, `it has ${found.size} bytes, expected ${MOST_BYTES} at most`);
  return readFile(file).catch((cause: unknown) => missing(`cannot be read (${messageOf(cause)})`, cause));
}

const STEM = 'feature_extractor.conv1.weight';
const HINT = 'give a checkpoint of pytracking, as its authors offer it';

/** @throws TrackerError CHECKPOINT_INVALID */
export function convertCheckpoint(bytes: Uint8Array, file: string, like?: TrackerId): Imported {
  const where = path.basename(file);
  const refuse: Refuse = (why, hint) => invalidCheckpoint(where, why, hint);
  const checkpoint = readTorchCheckpoint(bytes, where);
  const { root, container } = checkpoint;
  if (!(root instanceof Map)) return refuse('it is no dictionary', HINT);
  // a state saved by itself has the tensors where others have the network
  const net = root.has(STEM) ? root : root.get('net');
  if (!(net instanceof Map)) return refuse('it has no network named "net"', HINT);
  const tensors = namedTensors(net, refuse);
  const provenance = provenanceOf(root, file);
  const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
  const architecture = findArchitecture(shapes, provenance, refuse);
  const { tracker, why } = identify(architecture, provenance, like, refuse);
  const filter = filterSettings(architecture.family, provenance.kwds, refuse);
  const used = Object.keys(usedShapes(architecture));
  checkSize(
    used.map((name) => tensors.get(name)!),
    bytes.length,
    refuse,
  );
  const source = { file: where, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
  const recipe = { tracker, why, ...architecture, filter, rules: TRACKERS[tracker].rules, source };
  const weights = Object.fromEntries(
    used.map((name) => [name, readFinite(checkpoint, name, tensors.get(name)!, refuse)]),
  );
  return { model: { recipe, weights }, container, tensors: tensors.size };
}

function namedTensors(net: ReadonlyMap<unknown, Pickled>, refuse: Refuse): Map<string, CheckpointTensor> {
  const result = new Map<string, CheckpointTensor>();
  for (const [name, value] of net) {
    const tensor = value instanceof PickledForeign ? value.value : undefined;
    if (typeof name !== 'string' || !(tensor instanceof CheckpointTensor))
      return refuse(`its network has an entry ${JSON.stringify(String(name)).slice(0, 80)} that is no tensor`);
    result.set(name, tensor);
  }
  return result;
}

/** Tensors may share numbers, so together they could be larger than the file; those of a network are not. */
function checkSize(tensors: readonly CheckpointTensor[], bytes: number, refuse: Refuse): void {
  const claimed = tensors.reduce((sum, { count, storage }) => sum + count * storage.type.bytes, 0);
  if (claimed > bytes) refuse(`its tensors have ${claimed} bytes, the file only ${bytes}`);
}

/** A variance is never negative, and no weight is infinite: numbers that are come from damage. */
function readFinite({ read }: TorchCheckpoint, name: string, tensor: CheckpointTensor, refuse: Refuse): StoredTensor {
  const data = read(tensor);
  const least = name.endsWith('running_var') ? 0 : -Infinity;
  const wrong = data.findIndex((value) => !Number.isFinite(value) || value < least);
  if (wrong !== -1) refuse(`number ${wrong} of ${name} is ${data[wrong]}: the file is damaged`);
  return { shape: tensor.shape, data };
}
