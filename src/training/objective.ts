/** What the energy is trained by, by name: settings of the training step. */
import { TrackerError } from '../errors.js';
import type { StepSettings } from './step.js';

/** One line an objective. NCE+ is NCE with noise on the real box (Gustafsson et al. 2020, section 3). */
const OBJECTIVES: Readonly<Record<string, Partial<StepSettings>>> = {
  'nce+': {},
  nce: { labelNoise: 0 },
};

export const DEFAULT_OBJECTIVE = 'nce+';
export const OBJECTIVE_NAMES: readonly string[] = Object.keys(OBJECTIVES);

/** @throws TrackerError OPTION_INVALID listing the names */
export function findObjective(name: string): Partial<StepSettings> {
  const found = Object.hasOwn(OBJECTIVES, name) ? OBJECTIVES[name] : undefined;
  if (found) return found;
  throw new TrackerError('OPTION_INVALID', `objective "${name}", expected one of: ${OBJECTIVE_NAMES.join(', ')}`, {
    hint: `for example --objective ${DEFAULT_OBJECTIVE}`,
  });
}
