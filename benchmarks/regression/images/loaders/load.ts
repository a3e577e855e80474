/** From a folder in a public layout to training, validation and test images. */
import { mapLimited } from '../../../../src/limit.js';
import { createRandom } from '../../../../src/random.js';
import { TASKS, type ImageSet, type ImageTask, type TaskName } from '../data.js';
import { listAges } from './age.js';
import { listCells } from './cell-count.js';
import { fault, readPixels, type Example } from './common.js';
import { listHeads } from './head-pose.js';
import { listAngles } from './steering.js';

export interface Parts {
  readonly train: ImageSet;
  readonly validation: ImageSet;
  readonly test: ImageSet;
}

const LISTS: Readonly<Record<TaskName, (folder: string) => Promise<Example[]>>> = {
  age: listAges,
  cells: listCells,
  steering: listAngles,
  'head-pose': listHeads,
};

/** Share of the examples that is tested on: 80/20, half of Cell-200, 8 of BIWI's 24 people (reference 2.3). */
const TEST_SHARE: Readonly<Record<TaskName, number>> = { age: 0.2, cells: 0.5, steering: 0.2, 'head-pose': 1 / 3 };
/** At most so many training and test images: Cell-200 has 200,000, of which the papers take 10,000 and 10,000. */
const MOST: Partial<Record<TaskName, number>> = { cells: 10_000 };
/** Share of the training images kept for L2's deviation. The papers have none; they do not compare with L2 by likelihood. */
const VALIDATION_SHARE = 0.1;

/**
 * Reads a set. Which example falls into which part depends on the seed and on the names alone.
 * @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID, IMAGE_UNREADABLE
 */
export async function loadTask(name: TaskName, folder: string, settings: { dataSeed: number }): Promise<Parts> {
  const task: ImageTask = TASKS[name];
  const parts = split(name, inRange(task, await LISTS[name](folder)), settings.dataSeed);
  for (const [part, examples] of Object.entries(parts)) {
    if (examples.length > 0) continue;
    const { min, max } = task.axes[0]!;
    throw fault(
      { file: folder },
      `no image for ${part}`,
      `more images from ${min} to ${max} ${task.unit}`,
      'is the set whole?',
    );
  }
  return {
    train: await readAll(task, parts.train),
    validation: await readAll(task, parts.validation),
    test: await readAll(task, parts.test),
  };
}

/** Examples all of whose targets lie on the axes, as the papers keep them. */
export function inRange({ axes }: ImageTask, examples: readonly Example[]): Example[] {
  return examples.filter(({ target }) => target.every((value, d) => value >= axes[d]!.min && value <= axes[d]!.max));
}

/** Examples with a group are parted by group (no person is in two parts), the others one by one. */
export function split(
  name: TaskName,
  examples: readonly Example[],
  seed: number,
): { train: Example[]; validation: Example[]; test: Example[] } {
  const random = createRandom(seed);
  const groups = shuffled([...new Set(examples.map(groupOf))], random.integer);
  const tested = new Set(groups.slice(0, Math.round(groups.length * TEST_SHARE[name])));
  const order = shuffled(examples, random.integer);
  const most = MOST[name] ?? Infinity;
  const test = order.filter((example) => tested.has(groupOf(example))).slice(0, most);
  const rest = order.filter((example) => !tested.has(groupOf(example))).slice(0, most);
  const held = Math.ceil(rest.length * VALIDATION_SHARE);
  return { train: rest.slice(held), validation: rest.slice(0, held), test };
}

function groupOf({ group, file }: Example): string {
  return group ?? file;
}

/** Fisher and Yates. */
function shuffled<T>(values: readonly T[], integer: (n: number) => number): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = integer(i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/** Images decoded at once. */
const CONCURRENT = 16;

async function readAll(task: ImageTask, examples: readonly Example[]): Promise<ImageSet> {
  const pixels = task.side * task.side * task.channels;
  const images = new Uint8Array(examples.length * pixels);
  const read = async ([i, example]: [number, Example]): Promise<void> =>
    images.set(await readPixels(task, example), i * pixels);
  await mapLimited([...examples.entries()], read, CONCURRENT);
  return { images, targets: Float32Array.from(examples.flatMap(({ target }) => [...target])) };
}
