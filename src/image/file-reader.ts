/** Parts of a file, where its headers lead to. */
import { open, type FileHandle } from 'node:fs/promises';

export interface FileReader {
  readonly size: number;
  /** Not to be changed. Undefined where the file ends before, or where no header would be so long. */
  read(position: number, length: number): Promise<DataView | undefined>;
  close(): Promise<void>;
}

const MAX_LENGTH = 2 ** 28;
/** Most that is asked for stands at the start: it is read once. */
const START_BYTES = 4096;

/** To be closed. @throws Error of the file system */
export async function openReader(path: string): Promise<FileReader> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const start = await readAt(handle, 0, Math.min(size, START_BYTES));
    return {
      size,
      async read(position, length) {
        if (length > MAX_LENGTH || position + length > size) return undefined;
        const end = position + length;
        return toView(end <= start.length ? start.subarray(position, end) : await readAt(handle, position, length));
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await handle.read(bytes, 0, length, position);
  return bytes;
}

const toView = ({ buffer, byteOffset, byteLength }: Buffer): DataView => new DataView(buffer, byteOffset, byteLength);
