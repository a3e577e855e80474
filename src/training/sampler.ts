/** Draws groups of crops of one object from a bank: every ordered pair of a group is a (template, search) pair. */
import type { Random } from '../random.js';
import type { Bank, BankEntry } from './bank.js';

export interface SamplerOptions {
  /** Groups a batch taken from sequences, and from photographs. */
  readonly sequenceGroups: number;
  readonly photoGroups: number;
  /** Crops a group: K crops give K (K - 1) pairs, since template and search share one embedding. */
  readonly groupSize: number;
  /** Largest gap in frames between a group's first crop and the others. */
  readonly maxGap: number;
}

/** Objects seen in more than one frame are sequences. */
export function createSampler(bank: Bank, options: SamplerOptions): (random: Random) => number[] {
  const objects = new Map<number, number[]>();
  bank.entries.forEach((entry, index) => {
    const list = objects.get(entry.object);
    if (list) list.push(index);
    else objects.set(entry.object, [index]);
  });
  const sequences: number[][] = [];
  const photos: number[][] = [];
  for (const list of objects.values()) {
    if (list.length < options.groupSize) continue;
    const still = list.every((index) => bank.entries[index]!.frame === bank.entries[list[0]!]!.frame);
    (still ? photos : sequences).push(list);
  }
  return (random) => [
    ...drawGroups(sequences, options.sequenceGroups, bank.entries, options, random),
    ...drawGroups(photos, options.photoGroups, bank.entries, options, random),
  ];
}

function drawGroups(
  objects: readonly (readonly number[])[],
  count: number,
  entries: readonly BankEntry[],
  { groupSize, maxGap }: SamplerOptions,
  random: Random,
): number[] {
  const result: number[] = [];
  while (objects.length > 0 && result.length < count * groupSize) {
    const crops = objects[random.integer(objects.length)]!;
    const first = crops[random.integer(crops.length)]!;
    const { frame, flip } = entries[first]!;
    const others = crops.filter((index) => index !== first);
    const near = others.filter((index) => {
      const other = entries[index]!;
      return other.flip === flip && Math.abs(other.frame - frame) <= maxGap;
    });
    const partners = near.length >= groupSize - 1 ? near : others;
    const group = [first];
    while (group.length < groupSize) group.push(...partners.splice(random.integer(partners.length), 1));
    result.push(...group);
  }
  return result;
}
