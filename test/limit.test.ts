import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mapLimited } from '../src/limit.js';

test('results are in order, and so many at most are in the making', async () => {
  let [running, most] = [0, 0];
  const work = async (value: number): Promise<number> => {
    most = Math.max(most, ++running);
    await delay(value);
    running--;
    return 2 * value;
  };
  expect(await mapLimited([9, 1, 5, 0, 3], work, 2)).toEqual([18, 2, 10, 0, 6]);
  expect(most).toBe(2);
  expect(await mapLimited([], work)).toEqual([]);
});

test('after a failure no other item is begun', async () => {
  const begun: number[] = [];
  const work = async (value: number): Promise<void> => {
    begun.push(value);
    await Promise.resolve();
    if (value === 1) throw new Error('one');
  };
  await expect(mapLimited([0, 1, 2, 3, 4, 5], work, 2)).rejects.toThrowError('one');
  expect(begun).not.toContain(5);
});
