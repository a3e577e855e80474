import { describe, expect, it } from 'vitest';
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
