/** The four forms of a report, in one folder. */
import path from 'node:path';
import { writeWhole } from '../results.js';
import type { Films } from './film.js';
import { renderHtml } from './html.js';
import type { Report } from './report.js';
import { renderCsv, renderJson, renderMarkdown } from './text.js';

/** Files of a report in a folder. */
export function reportFiles(folder: string): string[] {
  return ['report.html', 'report.md', 'report.json', 'report.csv'].map((name) => path.join(folder, name));
}

/** report.html, .md, .json and .csv; film strips are in the page only. @returns their paths. @throws TrackerError OUTPUT_FAILED */
export async function writeReport(folder: string, report: Report, films?: Films): Promise<string[]> {
  const texts = [renderHtml(report, films), renderMarkdown(report), renderJson(report), renderCsv(report)];
  const files = reportFiles(folder);
  for (const [i, file] of files.entries()) await writeWhole(file, texts[i]!);
  return files;
}
