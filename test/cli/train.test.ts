import { expect, it } from 'vitest';
import { cli } from '../helpers/terminal.js';

it.each([
  [
    '--learn-from without --learn-backbone',
    ['--learn-from', 'Relu_3:0'],
    /--learn-from Relu_3:0: found no --learn-backbone/,
  ],
  ['no folder to work in', [], /expected --work DIR/],
  ['an objective that there is not', ['--objective', 'guess'], /guess/],
])('train refuses %s before it reads anything', async (_, options, message) => {
  const { exitCode, err } = await cli('train', '--data', 'nowhere', ...options);
  expect(exitCode).toBe(2);
  expect(err).toMatch(message);
});
