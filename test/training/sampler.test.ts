import { expect, test } from 'vitest';
import type { Provenance } from '../../src/datasets/footage.js';
import { createRandom } from '../../src/random.js';
import type { Bank, BankEntry } from '../../src/training/bank.js';
import { createSampler } from '../../src/training/sampler.js';

/** A bank of objects with six crops each. @param still objects that are photographs */
function bankOf(sources: readonly Provenance[], still = 0): Pick<Bank, 'entries' | 'header'> {
  const entries: BankEntry[] = [];
  for (let object = 0; object < sources.length + still; object++) {
    for (let i = 0; i < 6; i++) {
      const frame = object < sources.length ? i : 0;
      entries.push({ object, frame, flip: false, box: [30, 30, 10, 10], last: [10, 10] });
    }
  }
  return { entries, header: { sources } as unknown as Bank['header'] };
}

const OPTIONS = { sequenceGroups: 4, photoGroups: 2, groupSize: 3, maxGap: 100 };

/** Share of the groups of sequences that each object has in many batches. */
function sharesOf(bank: Pick<Bank, 'entries' | 'header'>, options = { ...OPTIONS, photoGroups: 0 }): number[] {
  const draw = createSampler(bank, options);
  const random = createRandom(5);
  const counts: number[] = [];
  for (let batch = 0; batch < 2000; batch++) {
    const indices = draw(random);
    for (let i = 0; i < indices.length; i += options.groupSize) {
      const { object } = bank.entries[indices[i]!]!;
      counts[object] = (counts[object] ?? 0) + 1;
    }
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Array.from(counts, (count) => (count ?? 0) / total);
}

test('a data set weighs by the square root of its sources, and its sources alike, however many clips each has', () => {
  // A: four sources, the first with three clips; B: one source
  const a = ['1', '1', '1', '2', '3', '4'].map((group) => ({ origin: 'A', group }));
  const shares = sharesOf(bankOf([...a, { origin: 'B', group: '1' }]));
  const expected = [...[1, 1, 1].map(() => 2 / 3 / 4 / 3), ...[1, 1, 1].map(() => 2 / 3 / 4), 1 / 3];
  shares.forEach((share, object) => expect(Math.abs(share - expected[object]!)).toBeLessThan(0.015));
});

test('the weight of a data set counts', () => {
  const shares = sharesOf(bankOf([{ origin: 'A', weight: 3 }, { origin: 'B' }]));
  expect(Math.abs(shares[0]! - 0.75)).toBeLessThan(0.02);
});

test('sequences that name no source are sources of their own', () => {
  const shares = sharesOf(bankOf([{ origin: 'A' }, { origin: 'A' }, {}]));
  const b = 1 / (1 + Math.SQRT2);
  [(1 - b) / 2, (1 - b) / 2, b].forEach((share, i) => expect(Math.abs(shares[i]! - share)).toBeLessThan(0.02));
});

test('a batch has as many groups of sequences and of photographs as asked for; a group is of one object, no crop twice', () => {
  const bank = bankOf([{}, {}, {}], 4);
  const random = createRandom(1);
  const draw = createSampler(bank, OPTIONS);
  for (let n = 0; n < 50; n++) {
    const indices = draw(random);
    expect(indices).toHaveLength(18);
    for (let i = 0; i < 18; i += 3) {
      const group = indices.slice(i, i + 3);
      expect(new Set(group).size).toBe(3);
      const objects = new Set(group.map((index) => bank.entries[index]!.object));
      expect(objects.size).toBe(1);
      expect([...objects][0]! < 3).toBe(i < 12);
    }
  }
});

test('a bank without photographs gives groups of sequences only', () => {
  expect(createSampler(bankOf([{}]), OPTIONS)(createRandom(1))).toHaveLength(12);
});

test('the second crop of a group is one of the four that are nearest in time to the first', () => {
  const entries = Array.from({ length: 40 }, (_, i): BankEntry => {
    return { object: 0, frame: 5 * i, flip: false, box: [30, 30, 10, 10], last: [10, 10] };
  });
  const draw = createSampler({ entries, header: { sources: [{}] } as unknown as Bank['header'] }, OPTIONS);
  const random = createRandom(2);
  for (let n = 0; n < 50; n++) {
    const indices = draw(random);
    for (let i = 0; i < indices.length; i += 3) {
      const [first, second] = [indices[i]!, indices[i + 1]!];
      const nearer = entries.filter(
        (_, other) => Math.abs(other - first) < Math.abs(second - first) && other !== first,
      );
      expect(nearer.length).toBeLessThan(4);
    }
  }
});
