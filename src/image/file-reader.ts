/** Parts of a file, where its headers lead to. */
import { open } from 'node:fs/promises';

export interface FileReader {
  readonly size: number;
  /** Undefined where the file ends before, or where no header would be so long. */
  read(position: number, length: number): Promise<DataView | undefined>;
  close(): Promise<void>;
}

const MAX_LENGTH = 2 ** 28;

/** To be closed. @throws Error of the file system */
export async function openReader(path: string): Promise<FileReader> {
  const handle = await open(path);
  const { size } = await handle.stat();
  return {
    size,
    async read(position, length) {
      if (length > MAX_LENGTH || position + length > size) return undefined;
      const { buffer } = await handle.read(Buffer.alloc(length), 0, length, position);
      return new DataView(buffer.buffer, buffer.byteOffset, length);
    },
    close: () => handle.close(),
  };
}
