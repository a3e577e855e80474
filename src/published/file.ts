/** The one file that an import makes: weights under their own names, and beside them all that tracking has to know. */
import { z } from 'zod';
import { TrackerError } from '../errors.js';
import { parseSafetensors, type SafetensorsFile, type StoredTensor } from '../io/safetensors.js';
import { usedShapes, type Architecture } from './architecture.js';
import { scoreConfidenceSchema } from './confidence.js';
import { filterSchema } from './settings.js';
import { rulesSchema, TRACKER_IDS } from './trackers.js';

/** Value of `kind` in the file's metadata. */
export const PUBLISHED_KIND = 'ebm-tracker published 1';

const channels = z.number().int().min(1).max(65536);

/** All that is not weights. */
const recipeSchema = z.strictObject({
  tracker: z.enum(TRACKER_IDS),
  /** Why it was taken for that. */
  why: z.string(),
  family: z.enum(['dimp', 'prdimp', 'simple']),
  depth: z.union([z.literal(18), z.literal(50)]),
  widths: z.strictObject({
    stem: channels,
    filter: channels,
    fine: channels,
    coarse: channels,
    fineDense: channels,
    coarseDense: channels,
  }),
  filter: filterSchema,
  rules: rulesSchema,
  /** How its highest score becomes a confidence; left out: nobody has fitted it. */
  confidence: scoreConfidenceSchema.optional(),
  /** The checkpoint. */
  source: z.strictObject({ file: z.string(), sha256: z.string(), bytes: z.number().int().min(0) }),
});

export type Recipe = z.infer<typeof recipeSchema>;
export type PublishedWeights = Readonly<Record<string, StoredTensor>>;

export interface PublishedModel {
  readonly recipe: Recipe;
  readonly weights: PublishedWeights;
}

export const architectureOf = ({ family, depth, widths }: Recipe): Architecture => ({ family, depth, widths });

export function formatPublished({ recipe, weights }: PublishedModel): SafetensorsFile {
  return { tensors: { ...weights }, metadata: { kind: PUBLISHED_KIND, recipe: JSON.stringify(recipe) } };
}

/** @throws TrackerError MODEL_INVALID saying what was found and what was expected */
export function parsePublished(bytes: Uint8Array, where: string): PublishedModel {
  return publishedOf(parseSafetensors(bytes, where), where);
}

/** @throws TrackerError MODEL_INVALID saying what was found and what was expected */
export function publishedOf({ tensors, metadata }: SafetensorsFile, where: string): PublishedModel {
  const refuse = (why: string): never => {
    throw new TrackerError('MODEL_INVALID', `tracker ${where}: ${why}`, {
      hint: 'import it again: ebm-tracker import CHECKPOINT --out FILE',
    });
  };
  if (metadata['kind'] !== PUBLISHED_KIND) refuse(`its kind is ${metadata['kind']}, expected ${PUBLISHED_KIND}`);
  const recipe = parseRecipe(metadata['recipe'] ?? '', refuse);
  if (recipe.filter.family !== recipe.family) refuse(`settings of ${recipe.filter.family} for ${recipe.family}`);
  const shapes = usedShapes(architectureOf(recipe));
  for (const [name, shape] of Object.entries(shapes)) {
    const found = tensors[name]?.shape;
    if (found?.join() !== shape.join()) refuse(`${name} is [${found ?? 'missing'}], expected [${shape}]`);
  }
  return { recipe, weights: tensors };
}

function parseRecipe(text: string, refuse: (why: string) => never): Recipe {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    refuse('its recipe is no JSON');
  }
  const parsed = recipeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return refuse(`its recipe: ${issue?.path.join('.')}: ${issue?.message}`);
}
