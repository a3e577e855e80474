/** Helpers for all parts of the page: text made safe, and the looks of each tracker's lines. */

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Told apart by colour and by dashes (Okabe and Ito's colours, safe for colour-blind eyes). */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'] as const;
const DASHES = ['', '6 3', '2 3', '8 3 2 3', '12 4', '1 4'];

/** Attributes of the line of tracker `i`. The page lightens the first colour on dark ground by its class. */
export function stroke(i: number): string {
  const dash = DASHES[i % DASHES.length]!;
  return `class="c${i % COLOURS.length}" stroke-width="2"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}`;
}

/** A piece of the line of tracker `i`, beside its name. */
export function legendEntry(i: number, text: string): string {
  return `<span class="key"><svg viewBox="0 0 30 8"><line x1="0" x2="30" y1="4" y2="4" ${stroke(i)}/></svg> ${escape(text)}</span>`;
}
