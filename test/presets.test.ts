import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/node/open.js';
import { PRESET_NAMES, PRESETS } from '../src/presets.js';

describe('presets', () => {
  it('all fit the schema, and default changes nothing', () => {
    for (const preset of PRESET_NAMES) expect(parseConfig({ preset }).preset).toBe(preset);
    expect(parseConfig({ preset: 'default', threads: 2 })).toEqual(parseConfig({ threads: 2 }));
  });

  it('set their fields and leave the others at their defaults', () => {
    const plain = parseConfig({});
    const fast = parseConfig({ preset: 'fast' });
    expect(fast.precision).toBe('int8');
    expect(fast.posterior).toEqual({ ...plain.posterior, ...PRESETS.fast.posterior });
    expect(fast.target).toEqual(plain.target);
    expect(plain.precision).toBe('float');
  });

  it('give way to fields that are set, in groups too', () => {
    const config = parseConfig({ preset: 'fast', precision: 'float', posterior: { candidates: 7, tail: 2 } });
    expect(config.precision).toBe('float');
    expect(config.posterior).toMatchObject({ candidates: 7, tail: 2, refined: PRESETS.fast.posterior.refined });
  });

  it('stay what they are when a configuration is parsed again', () => {
    const fast = parseConfig({ preset: 'fast', posterior: { refined: 5 } });
    expect(parseConfig(fast)).toEqual(fast);
  });

  it.each([
    { preset: 'faster' },
    { preset: 'fast', posterior: 3 },
    'fast',
    [],
    { preset: 'fast', posterior: { a: 1 } },
  ])('refuses %j', (input) => {
    expect(() => parseConfig(input)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
