/**
 * CVAT for video 1.1 (docs.cvat.ai, "XML annotation format", section Interpolation), written: one track an object, one box a frame, corners
 * in continuous pixels from 0, frames from 0. outside="1": the object is not in the picture (our lost); occluded="1": not well seen (our
 * uncertain). A track's last box stands until the video ends and boxes between two keyframes are interpolated, so a box with outside="1"
 * ends each run of frames. Attributes that a CVAT task does not have are left out when it imports the file; the label must exist there.
 */
import type { FrameBox } from '../../geometry.js';
import type { TrackState } from '../../result.js';
import { byObject, needSize, rounded, wholeWriter, type TrackRow, type WrittenFormat } from './format.js';

const LABEL = 'object';

export const cvat: WrittenFormat = {
  title: 'CVAT for video 1.1',
  endings: ['.xml', '.cvat.xml'],
  writer(media) {
    const size = needSize(media, 'CVAT XML');
    return wholeWriter((rows) => {
      const last = rows.reduce((end, { frame }) => Math.max(end, frame), -1);
      const length = Math.max(media.frameCount ?? 0, last + 1);
      const tracks = [...byObject(rows)].map(([id, own]) => track(id, own, length));
      return `${head(media.name, length, size)}${tracks.join('')}</annotations>\n`;
    });
  },
};

function head(name: string, length: number, { width, height }: { width: number; height: number }): string {
  const attribute = (name: string, type: string, values: string): string =>
    `<attribute><name>${name}</name><mutable>True</mutable><input_type>${type}</input_type>` +
    `<default_value></default_value><values>${values}</values></attribute>`;
  return `<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <name>${escape(name)}</name>
      <size>${length}</size>
      <mode>interpolation</mode>
      <overlap>0</overlap>
      <start_frame>0</start_frame>
      <stop_frame>${Math.max(0, length - 1)}</stop_frame>
      <labels><label><name>${LABEL}</name><attributes>${attribute('confidence', 'text', '')}${attribute('state', 'text', '')}</attributes></label></labels>
      <original_size><width>${width}</width><height>${height}</height></original_size>
    </task>
  </meta>
`;
}

function track(id: number, rows: readonly TrackRow[], length: number): string {
  const boxes = rows.map((row, i) => {
    const next = rows[i + 1]?.frame ?? length;
    const ends = row.state !== 'lost' && next > row.frame + 1;
    return element(row) + (ends ? outsideBox(row) : '');
  });
  return `  <track id="${id}" label="${LABEL}" source="auto">\n${boxes.join('')}  </track>\n`;
}

function element({ frame, box, confidence, state }: TrackRow): string {
  return `    <box ${place(frame, box, state)}><attribute name="confidence">${rounded(confidence, 4)}</attribute><attribute name="state">${state}</attribute></box>\n`;
}

/** In the frame behind a run of boxes. */
function outsideBox({ frame, box }: TrackRow): string {
  return `    <box ${place(frame + 1, box, 'lost')}></box>\n`;
}

function place(frame: number, { x, y, w, h }: FrameBox, state: TrackState): string {
  const flags = `keyframe="1" outside="${state === 'lost' ? 1 : 0}" occluded="${state === 'uncertain' ? 1 : 0}"`;
  const [left, top, right, bottom] = [x, y, x + w, y + h].map((value) => rounded(value, 3));
  return `frame="${frame}" ${flags} xtl="${left}" ytl="${top}" xbr="${right}" ybr="${bottom}" z_order="0"`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(NOT_XML, ' ');
}

/** Characters that XML 1.0 cannot hold. */
// oxlint-disable-next-line no-control-regex
const NOT_XML = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/gu;
