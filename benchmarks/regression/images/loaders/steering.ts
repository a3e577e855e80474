/**
 * Steering angle: data.txt with a line "file angle" for each image, degrees; later releases add ",date time". The images lie beside it or in
 * data/.
 */
import path from 'node:path';
import { fault, linesOf, namesIn, type Example } from './common.js';

const LINE = /^(\S+)\s+([-+]?[\d.]+(?:e[-+]?\d+)?)(?:,.*)?$/i;
const HINT = 'mend or remove that line';

/** Examples of all angles; the range is cut later. @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID */
export async function listAngles(folder: string): Promise<Example[]> {
  const file = path.join(folder, 'data.txt');
  const lines = await linesOf(file);
  const beside = await namesIn(folder);
  const images = beside.includes('data') ? path.join(folder, 'data') : folder;
  const present = new Set(await namesIn(images));
  return lines.map((line, i) => {
    const place = { file, line: i + 1 };
    const match = LINE.exec(line.trim());
    const angle = Number(match?.[2] ?? Number.NaN);
    if (!match || Number.isNaN(angle)) throw fault(place, `"${line}"`, '"file angle"', HINT);
    const name = match[1]!;
    if (!present.has(name)) throw fault(place, `"${name}", which is not in ${images}`, 'an image file', HINT);
    return { file: path.join(images, name), target: [angle] };
  });
}
