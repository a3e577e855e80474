import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  DEFAULT_TRAINING,
  FINETUNING,
  finetuneRunSchema,
  finetuningSchema,
  parseSettings,
  trainingSchema,
  trainRunSchema,
} from '../../src/training/settings.js';

test('every setting says what it is', () => {
  for (const { shape } of [trainingSchema, finetuningSchema, trainRunSchema, finetuneRunSchema])
    for (const [name, field] of Object.entries(shape)) expect(field.description, name).toMatch(/\w{4}/);
});

test('what is left out has its default, and comes in the order of the schema: a checkpoint is known by it', () => {
  const asked = parseSettings(trainingSchema, { stageRate: 0.2, seed: 4, learningRate: undefined, steps: 9 });
  expect(JSON.stringify(asked)).toBe(JSON.stringify({ ...DEFAULT_TRAINING, steps: 9, seed: 4, stageRate: 0.2 }));
  const { stageRate, ...none } = parseSettings(trainingSchema, { stageRate: undefined });
  expect(stageRate).toBeUndefined();
  expect(JSON.stringify(none)).toBe(JSON.stringify(DEFAULT_TRAINING));
  expect(Object.keys(FINETUNING)).toEqual(Object.keys(DEFAULT_TRAINING));
});

test.each([
  [{ objective: 'nce++' }, /objective: .*nce\+/],
  [{ proposalObjective: 'kl' }, /proposalObjective: /],
  [{ learnedShare: 2, steps: 1.5 }, /steps: .*learnedShare: /s],
  [{ learningrate: 1 }, /learningrate/],
])('%o is refused', (input, message) => {
  expect(() => parseSettings(trainingSchema, input)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(message) as string }),
  );
});

test('the defaults that the comments of the library tell are those of the schema', () => {
  const text = readFileSync(path.resolve('src/training/finetune-options.ts'), 'utf8');
  const told = [...text.matchAll(/Default: ([\d.e-]+)\. \*\/\n +readonly (\w+)\?/g)].map(([, value, name]) => [
    name,
    value,
  ]);
  const defaults = { ...FINETUNING, ...finetuneRunSchema.parse({}) };
  expect(told.length).toBeGreaterThan(2);
  for (const [name, value] of told) expect(defaults[name as keyof typeof defaults], name).toBe(Number(value));
});
