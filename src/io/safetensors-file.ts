/** Reads and writes weight files; safetensors.ts knows their format. */
import { readFile } from 'node:fs/promises';
import { messageOf, TrackerError } from '../errors.js';
import { writeWhole } from '../files/write.js';
import { formatSafetensors, parseSafetensors, type SafetensorsFile } from './safetensors.js';

/** Reads a file of float32 tensors. @throws TrackerError MODEL_MISSING, MODEL_INVALID */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new TrackerError('MODEL_MISSING', `weights ${path}: cannot be read (${messageOf(cause)})`, {
      hint: 'give the path of a .safetensors file',
      cause,
    });
  });
  return parseSafetensors(bytes, path);
}

/** Writes the whole file or nothing. @throws TrackerError OUTPUT_FAILED */
export async function writeSafetensors(path: string, file: SafetensorsFile): Promise<void> {
  await writeWhole(path, formatSafetensors(file));
}
