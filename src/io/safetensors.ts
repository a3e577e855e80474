/** Weight files in the safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes. */
import * as z from 'zod';
import { TrackerError } from '../errors.js';
import { fromHalves, toHalves } from './half.js';

export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface SafetensorsFile {
  readonly tensors: Record<string, StoredTensor>;
  /** Free text beside the weights: command, seed, data, versions. */
  readonly metadata: Record<string, string>;
}

/** Numbers of a file's tensors: 32 bits, or 16, which are widened when they are read. */
export type Dtype = 'F32' | 'F16';

const BYTES: Readonly<Record<string, number>> = { F32: 4, F16: 2 };

const HINT = 'the file may be cut off or of another kind: fetch or write it again';

const extent = z.number().int().min(0);
const HeaderSchema = z
  .object({ __metadata__: z.record(z.string(), z.string()).optional() })
  .catchall(z.object({ dtype: z.string(), shape: z.array(extent).max(8), data_offsets: z.tuple([extent, extent]) }));

/** @param where names the file in errors */
export function parseSafetensors(bytes: Uint8Array, where: string): SafetensorsFile {
  const invalid = (why: string): TrackerError =>
    new TrackerError('MODEL_INVALID', `weights ${where}: ${why}`, { hint: HINT });
  if (bytes.length < 8) throw invalid(`${bytes.length} bytes, expected a safetensors file`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (!(length <= bytes.length - 8)) throw invalid(`header of ${length} bytes in a file of ${bytes.length}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  } catch {
    throw invalid('its header is no JSON');
  }
  const header = HeaderSchema.safeParse(value);
  if (!header.success) {
    const [issue] = header.error.issues;
    throw invalid(`its header: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
  }
  const { __metadata__: metadata = {}, ...entries } = header.data;
  const body = bytes.subarray(8 + length);
  const tensors: Record<string, StoredTensor> = {};
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const width = BYTES[dtype];
    if (width === undefined) throw invalid(`tensor "${name}" is ${dtype}, expected F32 or F16`);
    const size = shape.reduce((product, side) => product * side, width);
    const [from, to] = data_offsets;
    if (to - from !== size || to > body.length) {
      throw invalid(
        `tensor "${name}" of shape [${shape}] holds ${Math.min(to, body.length) - from} bytes, expected ${size}`,
      );
    }
    // a copy, since the body need not be aligned to 4 bytes (a Buffer's own slice would be a view)
    const { buffer } = Uint8Array.prototype.slice.call(body, from, to);
    tensors[name] = { shape, data: width === 2 ? fromHalves(new Uint16Array(buffer)) : new Float32Array(buffer) };
  }
  return { tensors, metadata };
}

/** The bytes of a file; tensors in the order of their names, so that equal weights are equal files. */
export function formatSafetensors(file: SafetensorsFile, dtype: Dtype = 'F32'): Uint8Array {
  const header: Record<string, unknown> = {};
  if (Object.keys(file.metadata).length > 0) header['__metadata__'] = file.metadata;
  const names = Object.keys(file.tensors).toSorted();
  let offset = 0;
  for (const name of names) {
    const { shape, data } = file.tensors[name]!;
    const size = data.length * BYTES[dtype]!;
    header[name] = { dtype, shape, data_offsets: [offset, offset + size] };
    offset += size;
  }
  const text = JSON.stringify(header);
  const head = new TextEncoder().encode(text + ' '.repeat((8 - (text.length % 8)) % 8));
  const bytes = new Uint8Array(8 + head.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  let at = 8 + head.length;
  for (const name of names) {
    const { data } = file.tensors[name]!;
    const stored = dtype === 'F16' ? toHalves(data) : data;
    bytes.set(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength), at);
    at += stored.byteLength;
  }
  return bytes;
}
