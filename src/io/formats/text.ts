/** CSV and JSON lines: this program's own, with time, confidence and state. See ../boxes.ts. */
import { formatHead, formatRow, parseLines, type BoxFormat } from '../boxes.js';
import { checkedRow, type ReadRow, type TrackFormat } from './format.js';

export const csv: TrackFormat = textFormat('csv', 'a table, one row a frame');
export const jsonl: TrackFormat = textFormat('jsonl', 'one JSON object a line');

function textFormat(format: BoxFormat, title: string): TrackFormat {
  return {
    title,
    endings: [`.${format}`],
    unit: 'line',
    writer({ ids = false }) {
      return {
        begin: () => formatHead(format, ids),
        row: ({ id, ...row }) => formatRow(ids ? { ...row, id } : row, format),
        end: () => '',
      };
    },
    parse: (text, { where }) =>
      parseLines(text, format, where, (row, at): ReadRow => checkedRow({ ...row, at }, `${where}, line ${at}`)),
  };
}
