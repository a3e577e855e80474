import { describe, expect, it } from 'vitest';
import { DecodeLog } from '../../src/video/decode-log.js';

const frameLine = (pts: number | string): string =>
  `[Parsed_showinfo_3 @ 0x243fa680] [info] n:   0 pts:  ${pts} pts_time:0 pos: 48 fmt:yuv420p sar:1/1 s:16x16`;

const UNKNOWN = { streamSeconds: undefined, storedFrames: undefined };

/** A log of 25 frames a second. */
function logOf(...lines: readonly string[]): DecodeLog {
  const log = new DecodeLog(1 / 25);
  for (const line of lines) log.read(line);
  return log;
}

async function times(log: DecodeLog, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push(await log.nextTime());
  return found;
}

describe('nextTime', () => {
  it('counts from the first frame', async () => {
    expect(await times(logOf(frameLine(1_480_000), frameLine(1_520_000), frameLine(1_600_000)), 3)).toEqual([
      0, 0.04, 0.12,
    ]);
  });

  it('goes on at the frame rate where a time is missing or runs backwards', async () => {
    const log = logOf(frameLine(0), frameLine('NOPTS'), frameLine(20_000), frameLine(200_000));
    expect(await times(log, 4)).toEqual([0, 0.04, 0.08, 0.2]);
  });

  it('goes on at the frame rate where the log has ended', async () => {
    const log = logOf(frameLine(0));
    log.close();
    expect(await times(log, 3)).toEqual([0, 0.04, 0.08]);
  });

  it('waits for the line of the frame', async () => {
    const log = logOf();
    const time = log.nextTime();
    log.read(frameLine(0));
    expect(await time).toBe(0);
  });
});

describe('damage', () => {
  it('is also what a decoder says in the middle of the line of a frame', async () => {
    const log = logOf(`${frameLine(0)} checksum:A0C63AF2 error while decoding MB 0 1, bytestream -43`);
    expect(await times(log, 1)).toEqual([0]);
    expect(log.damage(UNKNOWN)).toBe('1 problem(s), the first: error while decoding MB 0 1, bytestream -43');
    expect(logOf(`${frameLine(0)} checksum:A0C63AF2 mean:[16] stdev:[0.0]`).damage(UNKNOWN)).toBeUndefined();
  });

  it('counts what ffmpeg calls errors and shows the first', () => {
    const log = logOf('[h264 @ 0x1] [error] error while decoding MB 19 13', '[h264 @ 0x1] [info] fine', '[fatal] stop');
    expect(log.damage(UNKNOWN)).toContain('2 problem(s), the first: error while decoding MB 19 13');
  });

  it('does not mind that two frames have one time', () => {
    expect(
      logOf('[rawvideo @ 0x1] [error] invalid, non monotonically increasing dts to muxer').damage(UNKNOWN),
    ).toBeUndefined();
  });

  it('is an end before the announced one', async () => {
    const log = logOf(frameLine(0), frameLine(40_000));
    await times(log, 2);
    expect(log.damage({ ...UNKNOWN, streamSeconds: 0.08 })).toBeUndefined();
    expect(log.damage(UNKNOWN)).toBeUndefined();
    expect(log.damage({ ...UNKNOWN, streamSeconds: 2 })).toBeDefined();
  });
});
