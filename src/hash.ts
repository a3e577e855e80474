/** Hashes that identify files and settings. */
import { createHash } from 'node:crypto';

/** 64 lower-case hexadecimal digits. */
export function sha256Of(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
