/** Options that set fields of a schema (config.ts, training/settings.ts): help, default and range are the field's. */
import type { Command } from 'commander';
import { z } from 'zod';
import { TrackerError } from '../errors.js';

/** Name of the value -> flags as commander has them, and the field. */
export type FieldTable = Readonly<Record<string, readonly [flags: string, field: z.ZodType]>>;

export type FieldValues<Table extends FieldTable> = { readonly [Name in keyof Table]: z.output<Table[Name][1]> };

/** A field as its JSON schema has it. */
interface Field {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
}

const fieldOf = (schema: z.ZodType): Field => z.toJSONSchema(schema, { io: 'input' }) as Field;

/** Help of a field: what it is, and which values it may have where these are few. */
export function helpOf(schema: z.ZodType): string {
  const field = fieldOf(schema);
  const { description = '', maximum = Infinity } = field;
  if (field.enum) return `${description}: ${field.enum.join(', ')}`;
  return maximum < Number.MAX_SAFE_INTEGER ? `${description}, ${boundsOf(field)}` : description;
}

/** Adds an option a field, with its help and default. */
export function addFields(command: Command, table: FieldTable): Command {
  for (const [flags, schema] of Object.values(table)) {
    const { default: value } = fieldOf(schema);
    command.option(flags, helpOf(schema), value === undefined ? undefined : String(value));
  }
  return command;
}

/**
 * Values of the options of a table; undefined where an option was not given and has no default.
 * @param given options as commander has parsed them
 * @throws TrackerError OPTION_INVALID naming option, value and range
 */
export function readFields<Table extends FieldTable>(table: Table, given: object): FieldValues<Table> {
  const texts = new Map<string, unknown>(Object.entries(given));
  const values = Object.entries(table).map(([name, [flags, schema]]) => {
    const option = flags.split(' ')[0]!;
    const text = texts.get(attributeOf(option));
    return [name, text === undefined ? undefined : parseField(option, String(text), schema)];
  });
  return Object.fromEntries(values) as FieldValues<Table>;
}

/** Name under which commander keeps an option: --photo-crops is photoCrops. */
const attributeOf = (option: string): string =>
  option.slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

function parseField(option: string, text: string, schema: z.ZodType): unknown {
  const field = fieldOf(schema);
  const parsed = schema.safeParse(valueOf(text, field));
  if (parsed.success) return parsed.data;
  const example = field.default ?? field.enum?.[0] ?? field.maximum;
  throw new TrackerError('OPTION_INVALID', `${option} "${text}": expected ${rangeOf(field)}`, {
    hint: `for example ${option} ${String(example)}`,
  });
}

/** A text that is no such number as NaN, which every field refuses. */
function valueOf(text: string, { type }: Field): unknown {
  if (type === 'integer') return /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (type === 'number') return text.trim() === '' ? Number.NaN : Number(text);
  return text;
}

function rangeOf({ type, enum: names, ...field }: Field): string {
  if (names) return `one of: ${names.join(', ')}`;
  return `${type === 'integer' ? 'a whole number' : 'a number'} ${boundsOf(field)}`;
}

function boundsOf({ minimum = 0, exclusiveMinimum, maximum = Infinity }: Field): string {
  const from = exclusiveMinimum === undefined ? `from ${minimum}` : `above ${exclusiveMinimum}`;
  return maximum < Number.MAX_SAFE_INTEGER ? `${from} to ${maximum}` : from;
}
