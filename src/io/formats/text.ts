/** CSV and JSON lines: this program's own, with time, confidence and state. See ../boxes.ts. */
import { formatHead, formatRow, parseBoxes, type BoxFormat } from '../boxes.js';
import { checkedRow, inOrder, type TrackFormat, type TrackRow } from './format.js';

export const csv: TrackFormat = textFormat('csv', 'a table, one row a frame');
export const jsonl: TrackFormat = textFormat('jsonl', 'one JSON object a line');

function textFormat(format: BoxFormat, title: string): TrackFormat {
  return {
    title,
    endings: [`.${format}`],
    writer({ ids = false }) {
      return {
        begin: () => formatHead(format, ids),
        row: ({ id, ...row }) => formatRow(ids ? { ...row, id } : row, format),
        end: () => '',
      };
    },
    parse: (text, _media, where) => {
      const rows = parseBoxes(text, format, where).map((row): TrackRow => ({ ...row, id: row.id ?? 1 }));
      return inOrder(rows.map((row) => checkedRow(row, `${where}, frame ${row.frame}`)));
    },
  };
}
