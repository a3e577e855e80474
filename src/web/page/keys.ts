/** The keyboard: everything that the mouse does, and more. */
import type { FrameBox } from '../../geometry.js';
import { element } from './dom.js';

export interface Actions {
  readonly seek: (frame: number) => void;
  readonly step: (frames: number) => void;
  readonly toEnd: () => void;
  readonly togglePlay: () => void;
  readonly doubt: (step: 1 | -1) => void;
  readonly select: (object: number | undefined) => void;
  readonly start: () => void;
  readonly stop: () => void;
  readonly follow: () => void;
  readonly undo: () => void;
  readonly remove: () => void;
  readonly export: () => void;
  /** 0: the whole frame. */
  readonly zoom: (factor: number) => void;
  /** The box that is being placed with keys or waits to be used. */
  readonly draft: () => FrameBox | undefined;
  readonly setDraft: (box: FrameBox | undefined) => void;
  readonly placeDraft: () => void;
  readonly takeDraft: () => void;
}

/** Pixels of the frame. */
const STEP = 1;
const BIG_STEP = 10;
const ZOOM = 1.5;
const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** @returns whether the key did something */
export function pressKey(event: KeyboardEvent, actions: Actions): boolean {
  if (actions.draft() && pressForDraft(event, actions)) return true;
  const undoes = event.key.toLowerCase() === 'z' && !event.shiftKey;
  if ((event.ctrlKey || event.metaKey || event.altKey) && !undoes) return false;
  const action = actionOf(event, actions);
  action?.();
  return action !== undefined;
}

function actionOf({ key, shiftKey }: KeyboardEvent, actions: Actions): (() => void) | undefined {
  const frames = shiftKey ? 10 : 1;
  if (/^[1-9]$/.test(key)) return () => actions.select(Number(key));
  switch (key.length === 1 ? key.toLowerCase() : key) {
    case ' ':
      return actions.togglePlay;
    case 'ArrowLeft':
      return () => actions.step(-frames);
    case 'ArrowRight':
      return () => actions.step(frames);
    case 'Home':
      return () => actions.seek(0);
    case 'End':
      return actions.toEnd;
    case ',':
      return () => actions.doubt(-1);
    case '.':
      return () => actions.doubt(1);
    case 'n':
    case 'Escape':
      return () => actions.select(undefined);
    case 'b':
      return actions.placeDraft;
    case 'Enter':
      return actions.start;
    case 's':
      return actions.stop;
    case 'f':
      return actions.follow;
    case 'z':
      return actions.undo;
    case 'Delete':
    case 'Backspace':
      return actions.remove;
    case 'e':
      return actions.export;
    case '+':
    case '=':
      return () => actions.zoom(ZOOM);
    case '-':
      return () => actions.zoom(1 / ZOOM);
    case '0':
      return () => actions.zoom(0);
    case '?':
      return () => element<HTMLDialogElement>('keys').showModal();
    default:
      return undefined;
  }
}

/** Arrows move the box, with Shift they size it, from its top left corner. */
function pressForDraft({ key, shiftKey, altKey }: KeyboardEvent, actions: Actions): boolean {
  const box = actions.draft()!;
  const arrow = ARROWS[key];
  if (arrow) {
    const [dx, dy] = arrow.map((direction) => direction * (altKey ? BIG_STEP : STEP)) as [number, number];
    actions.setDraft(
      shiftKey
        ? { ...box, w: Math.max(1, box.w + dx), h: Math.max(1, box.h + dy) }
        : { ...box, x: box.x + dx, y: box.y + dy },
    );
    return true;
  }
  if (key === 'Enter') actions.takeDraft();
  else if (key === 'Escape') actions.setDraft(undefined);
  else return false;
  return true;
}
