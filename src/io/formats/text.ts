/** CSV and JSON lines: this program's own, with time, confidence and state. See ../boxes.ts. */
import { formatHead, formatRow, parseLines, type BoxFormat } from '../boxes.js';
import { checkedRow, type ReadContext, type ReadRow, type TrackWriter, type WrittenFormat } from './format.js';

export const csv: WrittenFormat = {
  title: 'a table, one row a frame',
  endings: ['.csv'],
  writer: ({ ids = false }) => createTextWriter('csv', ids),
};
export const jsonl: WrittenFormat = {
  title: 'one JSON object a line',
  endings: ['.jsonl'],
  writer: ({ ids = false }) => createTextWriter('jsonl', ids),
};

function createTextWriter(format: BoxFormat, ids: boolean): TrackWriter {
  return {
    begin: () => formatHead(format, ids),
    row: ({ id, ...row }) => formatRow(ids ? { ...row, id } : row, format),
    end: () => '',
  };
}

export function parseText(text: string, format: BoxFormat, { where }: ReadContext): ReadRow[] {
  return parseLines(text, format, where, (row, at): ReadRow => checkedRow({ ...row, at }, `${where}, line ${at}`));
}
