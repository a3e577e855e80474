/** Every data set by name. */
import { TrackerError } from '../errors.js';
import { LARGE } from './large.js';
import { LASOT } from './lasot.js';
import type { Dataset } from './layout.js';
import { OTB } from './otb.js';
import { SINGLE } from './single.js';
import { UAV } from './uav.js';

export type { Dataset } from './layout.js';

export const DATASETS: readonly Dataset[] = [...LASOT, ...LARGE, ...OTB, ...UAV, ...SINGLE];

/** @throws TrackerError OPTION_INVALID listing the names */
export function findDataset(name: string): Dataset {
  const found = DATASETS.find((dataset) => dataset.name === name);
  if (found) return found;
  const names = DATASETS.map((dataset) => dataset.name).join(', ');
  throw new TrackerError('OPTION_INVALID', `data set "${name}" is not known, expected one of: ${names}`, {
    hint: 'ebm-tracker evaluate --list --root DIR shows what is found in a folder',
  });
}

/** Data sets that have a sequence below this root, and their number of sequences. */
export async function detectDatasets(root: string): Promise<{ dataset: Dataset; sequences: number }[]> {
  const found = await Promise.all(
    DATASETS.map(async (dataset) => ({
      dataset,
      sequences: await dataset.list(root).then(
        (names) => names.length,
        () => 0,
      ),
    })),
  );
  return found.filter(({ sequences }) => sequences > 0);
}
