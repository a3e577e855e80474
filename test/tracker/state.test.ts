import { expect, test } from 'vitest';
import { nextState } from '../../src/tracker/state.js';

test('what is lost is found only when it is sure', () => {
  expect(nextState('tracking', 0.2)).toBe('lost');
  expect(nextState('lost', 0.4)).toBe('lost');
  expect(nextState('lost', 0.6)).toBe('found');
  expect(nextState('found', 0.4)).toBe('uncertain');
  expect(nextState('uncertain', 0.9)).toBe('tracking');
});
