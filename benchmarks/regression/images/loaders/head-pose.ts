/**
 * BIWI Kinect head pose: a folder a person, frame_XXXXX_rgb.png beside frame_XXXXX_pose.txt, which holds the head's rotation matrix and its
 * centre in millimetres. Where rgb.cal is there too (as in the release), the head is cut out about its centre; else images are taken whole,
 * as crops of faces are handed round.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { fault, linesOf, namesIn, numbersOf, type Example, type Place, type Window } from './common.js';

const IMAGE = /^(frame_\d{5})_rgb\.(png|jpe?g)$/i;
const HINT = 'mend or remove that file and its image';

/** @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID */
export async function listHeads(folder: string): Promise<Example[]> {
  const examples: Example[] = [];
  for (const person of await namesIn(folder)) {
    const own = path.join(folder, person);
    if (!(await stat(own)).isDirectory()) continue;
    examples.push(...(await listPerson(own, person)));
  }
  if (examples.length === 0) {
    throw fault({ file: folder }, 'no images', 'PERSON/frame_XXXXX_rgb.png', 'give the folder that holds 01/, 02/ ...');
  }
  return examples;
}

async function listPerson(folder: string, group: string): Promise<Example[]> {
  const names = await namesIn(folder);
  const camera = names.includes('rgb.cal') ? await readCamera(path.join(folder, 'rgb.cal')) : undefined;
  const examples: Example[] = [];
  for (const name of names) {
    const frame = IMAGE.exec(name)?.[1];
    if (frame === undefined) continue;
    const pose = await readPose(path.join(folder, `${frame}_pose.txt`));
    const window = camera && headWindow(pose.centre, camera, { file: path.join(folder, `${frame}_pose.txt`), line: 5 });
    examples.push({ file: path.join(folder, name), target: pose.angles, group, ...(window ? { window } : {}) });
  }
  return examples;
}

interface Pose {
  /** Yaw, pitch, roll, degrees. */
  readonly angles: readonly number[];
  /** Millimetres in the depth camera's frame. */
  readonly centre: readonly number[];
}

async function readPose(file: string): Promise<Pose> {
  const lines = await linesOf(file);
  const filled = lines.flatMap((line, i) => (line.trim() === '' ? [] : [{ line, place: { file, line: i + 1 } }]));
  if (filled.length !== 4) {
    throw fault({ file }, `${filled.length} lines`, '3 of the rotation matrix and 1 of the centre', HINT);
  }
  const [a, b, c, centre] = filled.map(({ line, place }) => numbersOf(line, 3, place)) as [
    number[],
    number[],
    number[],
    number[],
  ];
  return { angles: anglesOf([a, b, c], { file, line: 1 }), centre };
}

const ORTHONORMAL_WITHIN = 0.02;

/**
 * Yaw, pitch and roll of a rotation matrix, degrees, with the signs that the literature on this set uses (the transposed matrix, yaw and roll
 * negated). @throws TrackerError DATA_INVALID where it is no rotation
 */
export function anglesOf(R: readonly (readonly number[])[], place: Place): number[] {
  const dot = (i: number, j: number): number => R[i]!.reduce((sum, value, k) => sum + value * R[j]![k]!, 0);
  for (let i = 0; i < 3; i++) {
    for (let j = i; j < 3; j++) {
      const expected = i === j ? 1 : 0;
      if (Math.abs(dot(i, j) - expected) <= ORTHONORMAL_WITHIN) continue;
      throw fault(
        place,
        `rows ${i + 1} and ${j + 1} with product ${dot(i, j).toFixed(3)}`,
        `${expected}: a rotation`,
        HINT,
      );
    }
  }
  const [[a, b, c], [, , f], [, , i]] = R as [number[], number[], number[]];
  const degrees = 180 / Math.PI;
  const yaw = -Math.atan2(-c!, Math.hypot(f!, i!)) * degrees;
  const pitch = Math.atan2(f!, i!) * degrees;
  const roll = -Math.atan2(b!, a!) * degrees;
  return [yaw, pitch, roll].map((angle) => angle + 0); // no -0
}

/** From the depth camera's frame to pixels of the colour image. */
interface Camera {
  readonly focal: readonly [number, number];
  readonly middle: readonly [number, number];
  readonly rotation: readonly number[];
  readonly translation: readonly number[];
  readonly size: readonly [number, number];
}

/** rgb.cal: 3 x 3 intrinsics, 4 of distortion, 3 x 3 rotation, translation, size of the image. */
async function readCamera(file: string): Promise<Camera> {
  const words = (await linesOf(file)).join(' ').trim().split(/\s+/);
  const n = words.map(Number);
  if (n.length !== 27 || !n.every(Number.isFinite)) {
    throw fault(
      { file },
      `${words.length} words`,
      '27 numbers (intrinsics, distortion, rotation, translation, size)',
      HINT,
    );
  }
  return {
    focal: [n[0]!, n[4]!],
    middle: [n[2]!, n[5]!],
    rotation: n.slice(13, 22),
    translation: n.slice(22, 25),
    size: [n[25]!, n[26]!],
  };
}

/** Side of the part cut out, at the head's distance: a head and a little more. */
const HEAD_MM = 300;

/** A square about the head's centre, moved inside the image. */
function headWindow(centre: readonly number[], camera: Camera, place: Place): Window {
  const { rotation: r, translation: t, focal, middle, size } = camera;
  const [x, y, z] = [0, 3, 6].map(
    (row, i) => r[row]! * centre[0]! + r[row + 1]! * centre[1]! + r[row + 2]! * centre[2]! + t[i]!,
  ) as [number, number, number];
  if (!(z > 0)) throw fault(place, `a centre at depth ${z} mm`, 'one before the camera', HINT);
  const side = Math.min(...size, Math.max(1, Math.round((HEAD_MM * focal[0]) / z)));
  const from = (position: number, extent: number): number =>
    Math.min(extent - side, Math.max(0, Math.round(position - side / 2)));
  return {
    left: from((focal[0] * x) / z + middle[0], size[0]),
    top: from((focal[1] * y) / z + middle[1], size[1]),
    width: side,
    height: side,
  };
}
