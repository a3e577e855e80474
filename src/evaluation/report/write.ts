/** The four forms of a report, in one folder. */
import path from 'node:path';
import { writeWhole } from '../results.js';
import type { Films } from './film.js';
import { renderHtml } from './html.js';
import type { Report } from './report.js';
import { renderCsv, renderJson, renderMarkdown } from './text.js';

/** report.html, .md, .json and .csv; film strips are in the page only. @returns their paths. @throws TrackerError OUTPUT_FAILED */
export async function writeReport(folder: string, report: Report, films?: Films): Promise<string[]> {
  const files = {
    'report.html': renderHtml(report, films),
    'report.md': renderMarkdown(report),
    'report.json': renderJson(report),
    'report.csv': renderCsv(report),
  };
  for (const [name, text] of Object.entries(files)) await writeWhole(path.join(folder, name), text);
  return Object.keys(files).map((name) => path.join(folder, name));
}
