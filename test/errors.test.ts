import { describe, expect, it } from 'vitest';
import { ERROR_EXIT_CODES, messageOf, TrackerError, type ErrorCode } from '../src/errors.js';

describe('TrackerError', () => {
  it('carries code, hint, cause and the exit code of its table', () => {
    const cause = new Error('below');
    const error = new TrackerError('MODEL_MISSING', 'model a.onnx: not there', { hint: 'build it', cause });
    expect(error).toMatchObject({ name: 'TrackerError', code: 'MODEL_MISSING', hint: 'build it', exitCode: 1, cause });
  });

  it('has no cause where none was given', () => {
    expect('cause' in new TrackerError('BOX_INVALID', 'a', { hint: 'b' })).toBe(false);
  });

  it('exits with 2 for what was used wrongly, 1 for what failed', () => {
    const wrongly = (Object.keys(ERROR_EXIT_CODES) as ErrorCode[]).filter(
      (code) => new TrackerError(code, 'a', { hint: 'b' }).exitCode === 2,
    );
    expect(wrongly).toEqual([
      'BOX_INVALID',
      'CONFIG_INVALID',
      'OPTION_INVALID',
      'INPUT_NOT_FOUND',
      'START_OUT_OF_RANGE',
    ]);
  });

  it('gives a text for anything thrown', () => {
    expect(messageOf(new Error('why'))).toBe('why');
    expect(messageOf('text')).toBe('text');
    expect(messageOf(undefined)).toBe('undefined');
  });
});
