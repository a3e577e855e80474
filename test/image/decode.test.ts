import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/image/decode.js';
import { cutFile, temporaryFolder } from '../helpers/video.js';

/** Two pixels side by side. */
const pair = (data: Uint8Array | Uint16Array, channels: 1 | 2 | 3 | 4) =>
  sharp(data, { raw: { width: 2, height: 1, channels } });

describe('decodeImage', () => {
  it('keeps RGB', async () => {
    const file = join(await temporaryFolder(), 'image.png');
    await pair(Uint8Array.of(255, 0, 0, 1, 2, 3), 3)
      .png()
      .toFile(file);
    const image = await decodeImage(file);
    expect([image.width, image.height]).toEqual([2, 1]);
    expect([...image.data]).toEqual([255, 0, 0, 1, 2, 3]);
  });

  it('makes RGB of grey', async () => {
    const file = join(await temporaryFolder(), 'image.png');
    await pair(Uint8Array.of(10, 200), 1).toColourspace('b-w').png().toFile(file);
    expect([...(await decodeImage(file)).data]).toEqual([10, 10, 10, 200, 200, 200]);
  });

  it('makes 8 bit of 16 bit, colour and grey', async () => {
    const folder = await temporaryFolder();
    const colour = Uint16Array.of(65535, 0, 0, 0x8080, 0x4040, 0);
    await pair(colour, 3).toColourspace('rgb16').png().toFile(join(folder, 'colour.png'));
    expect([...(await decodeImage(join(folder, 'colour.png'))).data]).toEqual([255, 0, 0, 128, 64, 0]);
    await pair(Uint16Array.of(0, 0x8080), 1).toColourspace('grey16').png().toFile(join(folder, 'grey.png'));
    expect((await sharp(join(folder, 'grey.png')).metadata()).depth).toBe('ushort');
    expect([...(await decodeImage(join(folder, 'grey.png'))).data]).toEqual([0, 0, 0, 128, 128, 128]);
  });

  it('drops transparency, onto black', async () => {
    const file = join(await temporaryFolder(), 'image.png');
    await pair(Uint8Array.of(200, 100, 50, 255, 200, 100, 50, 0), 4)
      .png()
      .toFile(file);
    expect([...(await decodeImage(file)).data]).toEqual([200, 100, 50, 0, 0, 0]);
  });

  it('turns the picture upright', async () => {
    const file = join(await temporaryFolder(), 'image.png');
    const red = {
      input: { create: { width: 8, height: 16, channels: 3, background: 'red' } },
      left: 0,
      top: 0,
    } as const;
    const blank = sharp({ create: { width: 32, height: 16, channels: 3, background: 'black' } });
    await blank.composite([red]).withMetadata({ orientation: 6 }).png().toFile(file); // 6: to be turned clockwise by 90 degrees
    const { width, height, data } = await decodeImage(file);
    expect([width, height]).toEqual([16, 32]);
    expect(data[0]).toBe(255); // what was left is above
    expect(data[3 * (width * height - 1)]).toBe(0);
  });

  it('refuses what is no image, not whole or not there', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'text.jpg'), 'no image');
    await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
      .jpeg()
      .toFile(join(folder, 'cut.jpg'));
    await cutFile(join(folder, 'cut.jpg'), 0.4);
    for (const name of ['text.jpg', 'cut.jpg', 'missing.jpg']) {
      const decoded = decodeImage(join(folder, name));
      await expect(decoded).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringContaining(name) });
    }
  });
});
