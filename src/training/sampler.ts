/**
 * Draws groups of crops of one object from a bank: every ordered pair of a group is a (template, search) pair.
 *
 * An object is drawn in three steps: the data set, by its weight times the square root of how many sources it has; a source of it; an object of that
 * source. A data set of a thousand short clips of the same people then does not outweigh all others.
 */
import type { Provenance } from '../datasets/footage.js';
import type { Random } from '../random.js';
import type { Bank, BankEntry } from './bank.js';
import type { TrainingSettings } from './settings.js';

/** How groups are drawn; settings.ts says what each field is. */
export type SamplerOptions = Pick<TrainingSettings, 'sequenceGroups' | 'photoGroups' | 'groupSize' | 'maxGap'>;

/** One data set: objects by their source; an object is the list of its crops. */
interface DataSet {
  readonly weight: number;
  readonly groups: readonly (readonly (readonly number[])[])[];
}

/** Objects seen in more than one frame are sequences, the others photographs; data sets of each are drawn by themselves. */
export function createSampler(
  { entries, header: { sources = [] } }: Pick<Bank, 'entries' | 'header'>,
  options: SamplerOptions,
): (random: Random) => number[] {
  const objects = groupBy([...entries.keys()], (index) => entries[index]!.object);
  const usable = [...objects].filter(([, crops]) => crops.length >= options.groupSize);
  const isStill = (crops: readonly number[]): boolean =>
    crops.every((index) => entries[index]!.frame === entries[crops[0]!]!.frame);
  const sequences = dataSets(
    usable.filter(([, crops]) => !isStill(crops)),
    sources,
  );
  const photos = dataSets(
    usable.filter(([, crops]) => isStill(crops)),
    sources,
  );
  return (random) => [
    ...drawGroups(sequences, options.sequenceGroups, entries, options, random),
    ...drawGroups(photos, options.photoGroups, entries, options, random),
  ];
}

/** @param objects number and crops of each */
function dataSets(objects: readonly [number, readonly number[]][], sources: readonly Provenance[]): DataSet[] {
  const byOrigin = groupBy(objects, ([object]) => sources[object]?.origin ?? '');
  return [...byOrigin.values()].map((own) => {
    const groups = groupBy(own, ([object]) => sources[object]?.group ?? `object ${object}`);
    const weight = sources[own[0]![0]]?.weight ?? 1;
    return {
      weight: weight * Math.sqrt(groups.size),
      groups: [...groups.values()].map((members) => members.map(([, crops]) => crops)),
    };
  });
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

export const pick = <T>(items: readonly T[], random: Random): T => items[random.integer(items.length)]!;

/** The crops of one object. */
function drawObject(sets: readonly DataSet[], random: Random): readonly number[] {
  let left = random.uniform() * sets.reduce((sum, { weight }) => sum + weight, 0);
  const set = sets.find(({ weight }) => (left -= weight) < 0) ?? sets.at(-1)!;
  return pick(pick(set.groups, random), random);
}

function drawGroups(
  sets: readonly DataSet[],
  count: number,
  entries: readonly BankEntry[],
  { groupSize, maxGap }: SamplerOptions,
  random: Random,
): number[] {
  const result: number[] = [];
  while (sets.length > 0 && result.length < count * groupSize) {
    const crops = drawObject(sets, random);
    const first = pick(crops, random);
    const { frame, flip } = entries[first]!;
    const others = crops.filter((index) => index !== first);
    const near = others.filter((index) => {
      const other = entries[index]!;
      return other.flip === flip && Math.abs(other.frame - frame) <= maxGap;
    });
    const partners = near.length >= groupSize - 1 ? near : others;
    const group = [first, ...takeNext(partners, frame, entries, random)];
    while (group.length < groupSize) group.push(...partners.splice(random.integer(partners.length), 1));
    result.push(...group);
  }
  return result;
}

/** So many of the crops that are nearest in time may be the second of a group: the tracker's recent view is of a few frames ago. */
const NEAREST = 4;

/** Takes one of the nearest crops out of the partners. */
function takeNext(partners: number[], frame: number, entries: readonly BankEntry[], random: Random): number[] {
  const gap = (index: number): number => Math.abs(entries[index]!.frame - frame);
  partners.sort((a, b) => gap(a) - gap(b));
  return partners.splice(random.integer(Math.min(NEAREST, partners.length)), 1);
}
