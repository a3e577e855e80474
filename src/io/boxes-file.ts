/** Results of one object in a file: boxes.ts on Node. */
import path from 'node:path';
import { TrackerError } from '../errors.js';
import { parseBoxes, type BoxFormat, type BoxRow } from './boxes.js';
import { readTextFile } from './text-file.js';

/** Format by the file's ending. @throws TrackerError OPTION_INVALID for any other than .csv and .jsonl */
export function formatOf(file: string): BoxFormat {
  const ending = path.extname(file).toLowerCase();
  if (ending === '.csv') return 'csv';
  if (ending === '.jsonl') return 'jsonl';
  throw new TrackerError(
    'OPTION_INVALID',
    `results file ${file}: found the ending "${ending}", expected .csv or .jsonl`,
    {
      hint: 'name it boxes.csv or boxes.jsonl',
    },
  );
}

/** Rows of a .csv or .jsonl file. @throws TrackerError INPUT_NOT_FOUND, OPTION_INVALID (ending), DATA_INVALID naming the line */
export async function readBoxes(file: string): Promise<BoxRow[]> {
  const format = formatOf(file);
  return parseBoxes(await readTextFile(file, { what: 'results file' }), format, file);
}
