import { describe, expect, it } from 'vitest';
import { findBinaries } from '../../src/video/binaries.js';
import { cli } from '../helpers/terminal.js';

interface Report {
  works: boolean;
  checks: { name: string; status: string; detail: string; mend: string[] }[];
}

describe('doctor', () => {
  it('tells as JSON what will be used, and that tracking works', async () => {
    const { exitCode, out, err } = await cli('doctor', '--json');
    const { works, checks } = JSON.parse(out) as Report;
    expect({ exitCode, works, err }).toEqual({ exitCode: 0, works: true, err: '' });
    expect(checks.map(({ name }) => name)).toEqual(['node', 'tracker', 'tensorflow.js', 'ffmpeg']);
    expect(checks[1]).toMatchObject({ status: 'ok', detail: expect.stringContaining('thread') as string });
  });

  it('names the age of the ffmpeg that comes with the package, and the command that brings a better one', async (test) => {
    const before = process.env['PATH'];
    process.env['PATH'] = '';
    try {
      if (!(await findBinaries()).ffmpeg.source.startsWith('@')) test.skip('ffmpeg-static has its binary here');
      const { out } = await cli('doctor');
      expect(out).toMatch(/the ffmpeg of 20\d\d that comes with the package/);
      expect(out).toMatch(/for more: .*install ffmpeg/);
    } finally {
      process.env['PATH'] = before;
    }
  });

  it('exits with 1 and names the cure where a part that tracking needs is missing', async () => {
    const before = process.env['FFMPEG_PATH'];
    process.env['FFMPEG_PATH'] = '/no/such/ffmpeg';
    try {
      const { exitCode, out } = await cli('doctor', '--json');
      const { works, checks } = JSON.parse(out) as Report;
      expect([exitCode, works]).toEqual([1, false]);
      const ffmpeg = checks.find(({ name }) => name === 'ffmpeg')!;
      expect(ffmpeg.status).toBe('broken');
      expect(ffmpeg.detail).toContain('FFMPEG_MISSING');
      expect(ffmpeg.mend).toHaveLength(1);
    } finally {
      if (before === undefined) delete process.env['FFMPEG_PATH'];
      else process.env['FFMPEG_PATH'] = before;
    }
  });
});
