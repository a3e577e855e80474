/** Annotated sequences of flat frames, in the layout of plain folders. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';

/** ROOT/NAME/img/N.png of 16 x 12 pixels and ROOT/NAME/groundtruth.txt with the same box in each frame. */
export async function makeSequence(
  root: string,
  name: string,
  frames: number,
  colour: [number, number, number],
): Promise<void> {
  const at = path.join(root, name);
  await mkdir(path.join(at, 'img'), { recursive: true });
  const [r, g, b] = colour;
  for (let i = 0; i < frames; i++) {
    await sharp({ create: { width: 16, height: 12, channels: 3, background: { r, g, b } } })
      .png()
      .toFile(path.join(at, 'img', `${i + 1}.png`));
  }
  await writeFile(path.join(at, 'groundtruth.txt'), '2,3,5,4\n'.repeat(frames));
}
