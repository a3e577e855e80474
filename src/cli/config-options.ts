/** Options that set fields of the configuration: one table for all commands. Help, names and ranges are those of src/config.ts. */
import type { Command } from 'commander';
import type { z } from 'zod';
import { configSchema, type TrackerConfig } from '../config.js';
import { helpOf } from './field-options.js';
import { optionalWhole, readConfig, resolveHead } from './options.js';

const { preset, engine, backend, threads, seed } = configSchema.shape;

/** The default stands in the text alone: a value that commander fills in would win over the configuration file. */
function textOf(field: z.ZodType): string {
  const { data } = field.safeParse(undefined);
  return data === undefined ? helpOf(field) : `${helpOf(field)} (default: ${String(data)})`;
}

const TABLE = {
  preset: ['--preset <name>', textOf(preset)],
  head: ['--head <file>', 'a file of ebm-tracker finetune, train or import (default: the weights that ship)'],
  engine: ['--engine <name>', textOf(engine)],
  backend: ['--backend <name>', textOf(backend)],
  threads: ['--threads <n>', textOf(threads)],
  seed: ['--seed <n>', textOf(seed)],
  config: ['--config <file>', 'JSON file with any field of src/config.ts'],
} as const satisfies Record<string, readonly [flags: string, help: string]>;

type ConfigOption = keyof typeof TABLE;

/** Options of the table as commander has parsed them. */
export type GivenConfig = { readonly [Name in ConfigOption]?: string | undefined };

export function addConfigOptions(command: Command, ...names: readonly ConfigOption[]): Command {
  for (const name of names) command.option(TABLE[name][0], TABLE[name][1]);
  return command;
}

/** The configuration file with the options laid over it. @throws TrackerError OPTION_INVALID; those of readConfig() */
export async function configOf(given: GivenConfig): Promise<TrackerConfig> {
  const { preset, engine, backend } = given;
  return readConfig(given.config, {
    preset,
    head: await resolveHead(given.head),
    engine,
    backend,
    threads: optionalWhole('--threads', given.threads),
    seed: optionalWhole('--seed', given.seed),
  });
}
