/** The formats of tracks by name, written and read. Nothing here needs Node. */
import { parseAss } from './ass.js';
import { parseCoco } from './coco-read.js';
import { parseCvat } from './cvat-read.js';
import type { TrackFormat } from './format.js';
import { parseLabelStudio } from './label-studio-read.js';
import { parseMot } from './mot.js';
import { parseText } from './text.js';
import { WRITTEN, type FormatName } from './writing.js';

export const FORMATS: Readonly<Record<FormatName, TrackFormat>> = {
  csv: { ...WRITTEN.csv, unit: 'line', parse: (text, context) => parseText(text, 'csv', context) },
  jsonl: { ...WRITTEN.jsonl, unit: 'line', parse: (text, context) => parseText(text, 'jsonl', context) },
  mot: { ...WRITTEN.mot, unit: 'line', parse: parseMot },
  coco: { ...WRITTEN.coco, unit: 'annotation', parse: parseCoco },
  cvat: { ...WRITTEN.cvat, unit: 'line', parse: parseCvat },
  labelstudio: { ...WRITTEN.labelstudio, unit: 'region', parse: parseLabelStudio },
  ass: { ...WRITTEN.ass, unit: 'line', parse: parseAss },
};
