import { expect, it } from 'vitest';
import { cli } from '../helpers/terminal.js';

it.each([
  [
    '--learn-from without --learn-backbone',
    ['--learn-from', 'Relu_3:0'],
    /--learn-from Relu_3:0: found no --learn-backbone/,
  ],
  ['no folder to work in', [], /expected --work DIR/],
  ['an objective that there is not', ['--objective', 'guess'], /--objective "guess": expected one of: nce\+, nce/],
  ['a share above 1', ['--absent', '2'], /--absent "2": expected a number from 0 to 1\n.*--absent 0\.25/],
  ['a rate of nothing', ['--rate', ''], /--rate "": expected a number above 0 to 0\.1/],
  ['steps that are no whole number', ['--steps', '1e3'], /--steps "1e3": expected a whole number from 0/],
  ['no threads', ['--threads', '0'], /--threads "0": expected a whole number from 1 to 127/],
])('train refuses %s before it reads anything', async (_, options, message) => {
  const { exitCode, err } = await cli('train', '--data', 'nowhere', ...options);
  expect(exitCode).toBe(2);
  expect(err).toMatch(message);
});
