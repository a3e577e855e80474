/** Colours of states: bright ones over pictures, those of the style sheet elsewhere. */
import type { TrackState } from '../../result.js';

/** As in the videos that `track --video` writes. */
export const ON_PICTURE: Readonly<Record<TrackState, string>> = {
  tracking: 'rgb(48 224 96)',
  uncertain: 'rgb(255 184 0)',
  lost: 'rgb(255 72 72)',
  found: 'rgb(72 168 255)',
};

/** A custom property of the style sheet, such as --lost. */
export function themed(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Sizes a canvas to its place on the screen. @returns its context, one unit a CSS pixel */
export function fitCanvas(canvas: HTMLCanvasElement): {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
} {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio;
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const context = canvas.getContext('2d')!;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}
