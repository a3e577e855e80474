/** The presets: one table of what they set apart from the defaults of src/config.ts. */
export const PRESET_NAMES = ['fast', 'default'] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

/** Fields as in src/config.ts, where they are checked. */
export const PRESETS = {
  /** The backbone in int8, fewer samples. */
  fast: { precision: 'int8', posterior: { candidates: 48, refined: 32 } },
  default: {},
} as const;
