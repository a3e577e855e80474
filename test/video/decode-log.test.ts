import { describe, expect, it } from 'vitest';
import { DecodeLog, type Announced } from '../../src/video/decode-log.js';

const frameLine = (pts: number | string): string =>
  `[Parsed_showinfo_3 @ 0x243fa680] [info] n:   0 pts:  ${pts} pts_time:0 pos: 48 fmt:yuv420p sar:1/1 s:16x16`;

const ANNOUNCED = {
  width: 64,
  height: 48,
  rotation: 0,
  fps: 25,
  streamSeconds: undefined,
  storedFrames: undefined,
};

function logOf(...lines: readonly string[]): DecodeLog {
  return announcedLog({}, ...lines);
}

function announcedLog(announced: Partial<Announced>, ...lines: readonly string[]): DecodeLog {
  const log = new DecodeLog({ ...ANNOUNCED, ...announced });
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
    expect(log.damage()).toBe('1 problem(s), the first: error while decoding MB 0 1, bytestream -43');
    expect(logOf(`${frameLine(0)} checksum:A0C63AF2 mean:[16] stdev:[0.0]`).damage()).toBeUndefined();
  });

  it('counts what ffmpeg calls errors and shows the first', () => {
    const log = logOf('[h264 @ 0x1] [error] error while decoding MB 19 13', '[h264 @ 0x1] [info] fine', '[fatal] stop');
    expect(log.damage()).toContain('2 problem(s), the first: error while decoding MB 19 13');
  });

  it('does not mind that two frames have one time', () => {
    expect(
      logOf('[rawvideo @ 0x1] [error] invalid, non monotonically increasing dts to muxer').damage(),
    ).toBeUndefined();
  });

  it('is an end before the announced one', () => {
    const twoFrames = (announced: Partial<Announced>): string | undefined => {
      const log = announcedLog(announced, frameLine(0), frameLine(40_000));
      log.takeTimes();
      return log.damage();
    };
    expect(twoFrames({ streamSeconds: 0.08 })).toBeUndefined();
    expect(twoFrames({})).toBeUndefined();
    expect(twoFrames({ streamSeconds: 2 })).toBe('it ends at 0.08 s, expected 2.00 s');
    // the last frame is shown for long
    expect(twoFrames({ streamSeconds: 2, storedFrames: 2 })).toBeUndefined();
    expect(twoFrames({ streamSeconds: 2, storedFrames: 3 })).toBeDefined();
  });
});

describe('resized', () => {
  const sizeLine = (size: string): string =>
    `[graph 0 input from stream 0:0 @ 0x55] [verbose] ${size} pixfmt:yuv420p tb:1/25 fr:25/1 sar:0/1`;

  it('is where the picture is not as large as the file announces', () => {
    const lines = [sizeLine('w:64 h:48'), frameLine(0), frameLine(40_000), sizeLine('w:32 h:24'), frameLine(80_000)];
    expect(logOf(...lines.slice(0, 3)).resized).toBeUndefined();
    expect(logOf(...lines).resized).toBe('from frame 2 on the picture is 32 x 24, not 64 x 48: it was scaled');
    const later = new DecodeLog(ANNOUNCED, { origin: 0, frame: 10 });
    for (const line of lines) later.read(line);
    expect(later.resized).toContain('from frame 12 on');
  });

  it('is told of the stored picture, not of the one that was turned', () => {
    expect(announcedLog({ width: 48, height: 64, rotation: 90 }, sizeLine('w:64 h:48')).resized).toBeUndefined();
    expect(announcedLog({ width: 48, height: 64, rotation: 270 }, sizeLine('w:48 h:64')).resized).toBeDefined();
  });
});
