/** Looks at the outermost boxes of an MP4 file. */
import { open } from 'node:fs/promises';

/** Size (32 bits), type, and where the size is 1 the size in 64 bits. */
const HEADER = 16;

/** Tells whether a file consists of whole boxes, its index among them: one that was cut off does not, and no player opens it. */
export async function isWholeMp4(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const { size: length } = await handle.stat();
    const header = Buffer.alloc(HEADER);
    let hasIndex = false;
    let at = 0;
    while (at < length) {
      const { bytesRead } = await handle.read(header, 0, HEADER, at);
      if (bytesRead < 8) return false;
      hasIndex ||= header.toString('latin1', 4, 8) === 'moov';
      const short = header.readUInt32BE(0);
      const size = short === 1 ? Number(header.readBigUInt64BE(8)) : short;
      if (size < 8) return false;
      at += size;
    }
    return hasIndex && at === length;
  } finally {
    await handle.close();
  }
}
