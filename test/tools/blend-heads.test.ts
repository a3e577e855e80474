import { expect, test } from 'vitest';
import { blend } from '../../tools/blend-heads.js';

const weight = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });

test('a blend is the mean by share; weights and rows that the head before lacks are taken whole', () => {
  const before = { a: weight(0, 4), rows: weight(2, 2) };
  const after = { a: weight(4, 0), rows: weight(4, 4, 9), fresh: weight(7) };
  const { a, rows, fresh } = blend(before, after, 0.25);
  expect([...a!.data]).toEqual([1, 3]);
  expect([...rows!.data]).toEqual([2.5, 2.5, 9]);
  expect([...fresh!.data]).toEqual([7]);
});
