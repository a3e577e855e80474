/**
 * Draws groups of crops of one object from a bank: every ordered pair of a group is a (template, search) pair.
 *
 * A sequence is drawn in three steps: the data set, by the square root of how many sources it has; a source of it; a clip of that source. A data
 * set of a thousand short clips of the same people then does not outweigh all others.
 */
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

/** Objects by data set and source; an object is the list of its crops. */
type Tree = readonly { readonly weight: number; readonly groups: readonly (readonly (readonly number[])[])[] }[];

/** Objects seen in more than one frame are sequences. */
export function createSampler(
  { entries, header: { sources = [] } }: Pick<Bank, 'entries' | 'header'>,
  options: SamplerOptions,
): (random: Random) => number[] {
  const objects = new Map<number, number[]>();
  entries.forEach(({ object }, index) => {
    const list = objects.get(object);
    if (list) list.push(index);
    else objects.set(object, [index]);
  });
  const tree = new Map<string, Map<string, number[][]>>();
  const photos: number[][] = [];
  for (const [object, list] of objects) {
    if (list.length < options.groupSize) continue;
    const still = list.every((index) => entries[index]!.frame === entries[list[0]!]!.frame);
    if (still) {
      photos.push(list);
      continue;
    }
    const { origin = '', group = `object ${object}` } = sources[object] ?? {};
    const groups = tree.get(origin) ?? new Map<string, number[][]>();
    tree.set(origin, groups.set(group, [...(groups.get(group) ?? []), list]));
  }
  const sequences: Tree = [...tree.values()].map((groups) => ({
    weight: Math.sqrt(groups.size),
    groups: [...groups.values()],
  }));
  return (random) => [
    ...drawGroups(
      () => drawSequence(sequences, random),
      sequences.length,
      options.sequenceGroups,
      entries,
      options,
      random,
    ),
    ...drawGroups(() => pick(photos, random), photos.length, options.photoGroups, entries, options, random),
  ];
}

const pick = <T>(items: readonly T[], random: Random): T => items[random.integer(items.length)]!;

function drawSequence(tree: Tree, random: Random): readonly number[] {
  let left = random.uniform() * tree.reduce((sum, { weight }) => sum + weight, 0);
  const origin = tree.find(({ weight }) => (left -= weight) < 0) ?? tree.at(-1)!;
  return pick(pick(origin.groups, random), random);
}

/** @param draw the crops of an object; @param available 0 where there is none */
function drawGroups(
  draw: () => readonly number[],
  available: number,
  count: number,
  entries: readonly BankEntry[],
  { groupSize, maxGap }: SamplerOptions,
  random: Random,
): number[] {
  const result: number[] = [];
  while (available > 0 && result.length < count * groupSize) {
    const crops = draw();
    const first = pick(crops, random);
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
