/** The blocks of a GIF file, as the GIF89a specification has them: what decoders do not tell is whether it is whole. */

export interface GifScan {
  /** Pictures whose data is all there. */
  readonly images: number;
  /** It ends where it says that it ends. */
  readonly whole: boolean;
}

const IMAGE = 0x2c;
const EXTENSION = 0x21;
const TRAILER = 0x3b;
const HEADER_BYTES = 13;
const IMAGE_BYTES = 10;

export function scanGif(bytes: Uint8Array): GifScan {
  let images = 0;
  let at = HEADER_BYTES + tableBytes(bytes[10]);
  for (;;) {
    const block = bytes[at];
    if (block === TRAILER) return { images, whole: true };
    const isImage = block === IMAGE;
    // an image's own colours and one byte of code size, or an extension's label, stand before the data
    const data = isImage ? at + IMAGE_BYTES + tableBytes(bytes[at + IMAGE_BYTES - 1]) + 1 : at + 2;
    const end = isImage || block === EXTENSION ? skipData(bytes, data) : undefined;
    if (end === undefined) return { images, whole: false };
    if (isImage) images++;
    at = end;
  }
}

/** A table of colours follows where the flags say so. */
function tableBytes(flags = 0): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

/** Behind pieces that each begin with their length, the last of which is empty; undefined where the file ends before. */
function skipData(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; at < bytes.length; at += bytes[at]! + 1) if (bytes[at] === 0) return at + 1;
  return undefined;
}
