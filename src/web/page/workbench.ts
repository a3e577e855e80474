/** One open video: its pictures, its boxes, and what a person does to them. The parts are made and joined here. */
import type { FrameBox } from '../../geometry.js';
import type { SessionInfo, VideoEvent } from '../messages.js';
import { showControls } from './controls.js';
import { element, say } from './dom.js';
import { createEditing, type Editing } from './editing.js';
import type { Actions } from './keys.js';
import { applyEvent, boxOf, createModel, isRunning, lastFrame, nextDoubt, type Model } from './model.js';
import { showObjects } from './objects.js';
import { createPictures } from './pictures.js';
import { createPlayback, type Playback } from './playback.js';
import type { Picture, VideoService } from './service.js';
import { drawStage, listenToStage, objectAt, zoomBy } from './stage.js';
import { drawTimeline, listenToTimeline } from './timeline.js';

export interface Workbench {
  readonly actions: Actions;
  close(): void;
}

/** State and elements that the parts share. */
interface Bench {
  readonly service: VideoService;
  readonly model: Model;
  /** The page is for drawing one box. */
  readonly picking: boolean;
  readonly canvas: HTMLCanvasElement;
  readonly timeline: HTMLCanvasElement;
  /** Shows the model as it is now, with the next picture of the screen. */
  readonly render: () => void;
}

/** Side of a box that is placed with keys, as a share of the frame's shorter side. */
const DRAFT_SHARE = 0.25;

export function openWorkbench(service: VideoService, session: Pick<SessionInfo, 'mode' | 'formats'>): Workbench {
  const { id, ...video } = service.opened;
  const model = createModel(id, video);
  const picking = session.mode === 'pick';
  const pictures = createPictures(service);
  const ended = new AbortController();
  const { signal } = ended;
  const [canvas, timeline] = [element<HTMLCanvasElement>('picture'), element<HTMLCanvasElement>('timeline')];
  let bitmap: ImageBitmap | undefined;

  const render = oncePerFrame(() => {
    if (signal.aborted) return;
    drawStage(canvas, model, bitmap);
    if (!picking) {
      drawTimeline(timeline, model);
      showObjects(model, { select: actions.select, remove: editing.remove });
    }
    showControls(model, picking);
  });
  const bench: Bench = { service, model, picking, canvas, timeline, render };
  const onPicture = (found: Picture): void => {
    bitmap = found.bitmap;
    canvas.dataset['shown'] = String(model.shown);
    render();
  };
  const playback = createPlayback(model, pictures, { onPicture, onChange: render }, signal);
  const onEnd = (text: string): void => {
    close();
    say(text);
    element('work').classList.add('over');
  };
  const editing = createEditing(service, model, picking, { onChange: render, onEnd });
  const actions = createActions(bench, playback, editing);
  listenToButtons(bench, actions, editing, signal);
  layOut(session, picking);
  listenToCanvases(bench, actions, playback, editing, signal);
  listenToScreen(bench, signal);
  const closeEvents = service.events(eventListener(bench, playback), () => say(service.broken, 'error'));
  const close = (): void => {
    ended.abort();
    model.playing = false;
    pictures.close();
    closeEvents();
  };
  canvas.focus({ preventScroll: true });
  tellNotes(model, 0);
  void playback.seek(0);
  render();
  return { actions, close };
}

/** However often it is asked for, it is done once a picture of the screen. */
function oncePerFrame(show: () => void): () => void {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      show();
    });
  };
}

function eventListener({ service, model, render }: Bench, { seek }: Playback): (event: VideoEvent) => void {
  return (event) => {
    // it is back
    if (event.type === 'snapshot' && element('message').textContent === service.broken) say('');
    if (event.type === 'failed') say(`${event.message}. ${event.hint}`, 'error');
    if (event.type === 'picture' && model.following && isWatched(event.objects, model)) void seek(event.frame);
    const told = model.video.notes.length;
    applyEvent(model, event);
    tellNotes(model, told);
    render();
  };
}

/** @param from number of the first that was not told yet */
function tellNotes(model: Model, from: number): void {
  const notes = model.video.notes.slice(from);
  if (notes.length > 0) say(`${notes.join('. ')}.`);
}

function createActions(bench: Bench, playback: Playback, editing: Editing): Actions {
  const actions = { ...seeing(bench, playback), ...selecting(bench, playback, editing), ...working(bench, editing) };
  if (!bench.picking) return actions;
  const use = (): void => void editing.use();
  return { ...actions, start: use, stop: nothing, remove: nothing, undo: nothing, export: nothing, takeDraft: use };
}

type Seeing = Pick<Actions, 'seek' | 'step' | 'toEnd' | 'togglePlay' | 'doubt' | 'follow' | 'zoom'>;

function seeing({ model, canvas, render }: Bench, { goTo, play }: Playback): Seeing {
  return {
    seek: goTo,
    step: (frames) => goTo(model.frame + frames),
    toEnd: () => goTo(lastFrame(model)),
    togglePlay() {
      if (model.video.live) model.following = !model.following;
      else if (model.playing) model.playing = false;
      else void play();
      render();
    },
    doubt(step) {
      const frame = nextDoubt(model, step);
      if (frame === undefined) say(`No doubtful frame ${step > 0 ? 'after' : 'before'} this one.`);
      else goTo(frame);
    },
    follow() {
      model.following = true;
      render();
    },
    zoom(factor) {
      const { x, y, w, h } = model.draft ?? firstDraft(model);
      zoomBy(canvas, model, factor, { x: x + w / 2, y: y + h / 2 });
      render();
    },
  };
}

type Selecting = Pick<Actions, 'select' | 'draft' | 'setDraft' | 'placeDraft' | 'takeDraft'>;

function selecting({ model, render }: Bench, { goTo }: Playback, editing: Editing): Selecting {
  return {
    select(object) {
      model.selected = object !== undefined && model.objects.has(object) ? object : undefined;
      render();
    },
    draft: () => model.draft,
    setDraft(box) {
      model.draft = box;
      render();
    },
    placeDraft() {
      goTo(model.shown);
      model.draft = firstDraft(model);
    },
    takeDraft: () => void (model.draft && editing.draw(model.draft)),
  };
}

type Working = Pick<Actions, 'start' | 'stop' | 'undo' | 'remove' | 'export'>;

function working({ service, model }: Bench, editing: Editing): Working {
  return {
    start: () => void editing.start(),
    stop: () => void service.stop(),
    undo: () => void service.undo(),
    remove() {
      if (model.selected === undefined) say('Choose an object first: click it, or press its number.');
      else void editing.remove(model.selected);
    },
    export: () => void editing.exportFile(),
  };
}

function listenToButtons({ model }: Bench, actions: Actions, editing: Editing, signal: AbortSignal): void {
  const onButton = (name: string, action: () => void): void =>
    element(name).addEventListener('click', action, { signal });
  onButton('step-back', () => actions.step(-1));
  onButton('step-on', () => actions.step(1));
  onButton('play', actions.togglePlay);
  onButton('start', () => (isRunning(model) ? actions.stop() : actions.start()));
  onButton('undo', actions.undo);
  onButton('export', actions.export);
  onButton('new-object', () => actions.select(undefined));
  onButton('use', () => void editing.use());
}

/** Which parts of the page there are. */
function layOut({ formats }: Pick<SessionInfo, 'formats'>, picking: boolean): void {
  element('format').replaceChildren(...formats.map(({ name, title }) => new Option(title, name)));
  for (const part of ['editing', 'exporting', 'objects', 'timeline']) element(part).hidden = picking;
  element('use').hidden = !picking;
  element('work').classList.remove('over');
  element('work').classList.toggle('picking', picking);
}

function listenToCanvases(
  { model, canvas, timeline, render }: Bench,
  actions: Actions,
  { goTo }: Playback,
  editing: Editing,
  signal: AbortSignal,
): void {
  let wasFollowing = false;
  const onBegin = (): void => {
    wasFollowing = model.following;
    goTo(model.shown);
  };
  const onClick = (x: number, y: number): void => {
    model.following = wasFollowing;
    const hit = objectAt(model, x, y);
    if (hit !== undefined) actions.select(hit);
  };
  const onDraw = (box: FrameBox): void => void editing.draw(box);
  listenToStage(canvas, model, { onBegin, onDraw, onClick, onChange: render }, signal);
  listenToTimeline(timeline, model, goTo, signal);
}

/** A message goes with the next thing that is done; another size or another light is another picture. */
function listenToScreen({ canvas, timeline, render }: Bench, signal: AbortSignal): void {
  for (const type of ['keydown', 'pointerdown'])
    document.addEventListener(type, () => say(''), { signal, capture: true });
  const sizes = new ResizeObserver(render);
  for (const seen of [canvas, timeline]) sizes.observe(seen);
  signal.addEventListener('abort', () => sizes.disconnect());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', render, { signal });
}

const nothing = (): void => undefined;

/** Objects were tracked in a picture, and one of them is watched; none were, and it is a camera's newest one. */
function isWatched(objects: readonly number[], model: Model): boolean {
  return objects.length === 0 || objects.includes(followed(model) ?? -1);
}

/** The object whose tracking is watched. */
function followed({ objects, selected }: Model): number | undefined {
  if (selected !== undefined && objects.get(selected)?.running) return selected;
  return [...objects.values()].find(({ running }) => running)?.id;
}

/** Box of the chosen object in this frame, or a square in the middle of the frame. */
function firstDraft({ objects, selected, shown, video }: Model): FrameBox {
  const row = selected === undefined ? undefined : objects.get(selected)?.rows[shown];
  if (row) return boxOf(row);
  const side = Math.round(DRAFT_SHARE * Math.min(video.width, video.height));
  return { x: Math.round((video.width - side) / 2), y: Math.round((video.height - side) / 2), w: side, h: side };
}
