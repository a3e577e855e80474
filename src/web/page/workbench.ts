/** One open video: its pictures, its boxes, and what a person does to them. */
import type { FrameBox } from '../../geometry.js';
import type { SessionInfo, VideoEvent, VideoOpened } from '../messages.js';
import { api } from './api.js';
import { element, say } from './dom.js';
import type { Actions } from './keys.js';
import { applyEvent, boxOf, createModel, isRunning, lastFrame, nextDoubt, type Model } from './model.js';
import { showObjects } from './objects.js';
import { createPictures } from './pictures.js';
import { drawStage, listenToStage, objectAt, zoomBy } from './stage.js';
import { drawTimeline, listenToTimeline } from './timeline.js';

export interface Workbench {
  readonly actions: Actions;
  close(): void;
}

const NO_ANSWER = 'The server does not answer. Is ebm-tracker still running?';
/** Pictures that are fetched before a playing video needs them. */
const AHEAD = 4;
/** Side of a box that is placed with keys, as a share of the frame's shorter side. */
const DRAFT_SHARE = 0.25;

export function openWorkbench({ id, ...video }: VideoOpened, session: SessionInfo): Workbench {
  const model = createModel(id, video);
  const picking = session.mode === 'pick';
  const pictures = createPictures(id);
  const ended = new AbortController();
  const { signal } = ended;
  const [canvas, timeline] = [element<HTMLCanvasElement>('picture'), element<HTMLCanvasElement>('timeline')];
  let picture: ImageBitmap | undefined;
  let drawing = 0;

  // --- showing ---

  const render = (): void => {
    drawing ||= requestAnimationFrame(() => {
      drawing = 0;
      if (signal.aborted) return;
      drawStage(canvas, model, picture);
      if (!picking) {
        drawTimeline(timeline, model);
        showObjects(model, { select: actions.select, remove });
      }
      showControls(model, picking);
    });
  };
  const seek = async (frame: number): Promise<void> => {
    model.frame = Math.min(lastFrame(model), Math.max(0, frame));
    await pictures.show(model.frame, (shown, found) => {
      if (signal.aborted) return;
      picture = found.bitmap;
      model.shown = shown;
      model.shownTime = found.time;
      canvas.dataset['shown'] = String(shown);
      render();
    });
  };
  /** From a frame to the one that is seen: it varies where the rate does. */
  const secondsSince = (before: number | undefined): number => {
    const passed = (model.shownTime ?? Number.NaN) - (before ?? Number.NaN);
    return passed > 0 ? passed : 1 / model.video.fps;
  };
  /** A person chose the frame: the view no longer runs along. */
  const goTo = (frame: number): void => {
    model.following = false;
    model.playing = false;
    void seek(frame);
    render();
  };
  const play = async (): Promise<void> => {
    model.playing = true;
    model.following = false;
    if (model.frame >= lastFrame(model)) model.frame = -1;
    try {
      while (model.playing && model.frame < lastFrame(model) && !signal.aborted) {
        const [began, before] = [performance.now(), model.shownTime];
        await seek(model.frame + 1);
        for (let i = 1; i <= AHEAD; i++) if (model.frame + i <= lastFrame(model)) pictures.ahead(model.frame + i);
        await delay(began + 1000 * secondsSince(before) - performance.now());
      }
    } finally {
      model.playing = false;
      render();
    }
  };

  // --- doing ---

  const draw = async (box: FrameBox): Promise<void> => {
    model.playing = false;
    model.draft = box;
    render();
    if (picking) return;
    const known = model.selected === undefined ? undefined : model.objects.get(model.selected);
    try {
      await api.draw(id, { frame: model.shown, box, ...(known ? { object: known.id } : {}) });
      // a correction is tracked on by itself
      model.following = known !== undefined;
    } finally {
      model.draft = undefined;
      render();
    }
  };
  const remove = async (object: number): Promise<void> => {
    await api.remove(id, object);
  };
  const start = async (): Promise<void> => {
    if (model.objects.size === 0) return say('Draw a box around an object first.');
    model.following = true;
    model.playing = false;
    if (model.objects.size === 1) model.selected = [...model.objects.keys()][0];
    await api.start(id);
  };
  const use = async (): Promise<void> => {
    if (!model.draft) return say('Draw a box around the object first.');
    await api.pick({ frame: model.shown, box: model.draft });
    end('The box was printed. This page can be closed.');
  };
  const exportFile = async (): Promise<void> => {
    const { blob, name } = await api.export(id, element<HTMLSelectElement>('format').value);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    say(`Saved ${name}.`);
  };
  const onEvent = (event: VideoEvent): void => {
    // it is back
    if (event.type === 'snapshot' && element('message').textContent === NO_ANSWER) say('');
    if (event.type === 'failed') say(`${event.message}. ${event.hint}`, 'error');
    if (event.type === 'picture' && model.following && event.objects.includes(followed(model) ?? -1))
      void seek(event.frame);
    const told = model.video.notes.length;
    applyEvent(model, event);
    tellNotes(told);
    render();
  };
  /** @param from number of the first that was not told yet */
  const tellNotes = (from: number): void => {
    const notes = model.video.notes.slice(from);
    if (notes.length > 0) say(`${notes.join('. ')}.`);
  };
  /** Nothing more can be done here. */
  const end = (text: string): void => {
    ended.abort();
    pictures.close();
    closeEvents();
    say(text);
    element('work').classList.add('over');
  };

  const forPicking: Partial<Actions> = {
    start: () => void use(),
    stop: nothing,
    remove: nothing,
    undo: nothing,
    export: nothing,
  };
  const actions: Actions = {
    seek: goTo,
    step: (frames) => goTo(model.frame + frames),
    toEnd: () => goTo(lastFrame(model)),
    togglePlay() {
      if (model.playing) model.playing = false;
      else void play();
      render();
    },
    doubt(step) {
      const frame = nextDoubt(model, step);
      if (frame === undefined) say(`No doubtful frame ${step > 0 ? 'after' : 'before'} this one.`);
      else goTo(frame);
    },
    select(object) {
      model.selected = object !== undefined && model.objects.has(object) ? object : undefined;
      render();
    },
    start: () => void start(),
    stop: () => void api.stop(id),
    follow() {
      model.following = true;
      render();
    },
    undo: () => void api.undo(id),
    remove() {
      if (model.selected === undefined) say('Choose an object first: click it, or press its number.');
      else void remove(model.selected);
    },
    export: () => void exportFile(),
    zoom(factor) {
      const { x, y, w, h } = model.draft ?? firstDraft(model);
      zoomBy(canvas, model, factor, { x: x + w / 2, y: y + h / 2 });
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
    takeDraft: () => void (picking ? use() : model.draft && draw(model.draft)),
    ...(picking ? forPicking : {}),
  };

  // --- wiring ---

  const onButton = (name: string, action: () => void): void =>
    element(name).addEventListener('click', action, { signal });
  onButton('step-back', () => actions.step(-1));
  onButton('step-on', () => actions.step(1));
  onButton('play', actions.togglePlay);
  onButton('start', () => (isRunning(model) ? actions.stop() : actions.start()));
  onButton('undo', actions.undo);
  onButton('export', actions.export);
  onButton('new-object', () => actions.select(undefined));
  onButton('use', () => void use());
  element('format').replaceChildren(...session.formats.map(({ name, title }) => new Option(title, name)));
  for (const part of ['editing', 'exporting', 'objects', 'timeline']) element(part).hidden = picking;
  element('use').hidden = !picking;
  element('work').classList.remove('over');
  element('work').classList.toggle('picking', picking);
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
  const onDraw = (box: FrameBox): void => void draw(box);
  listenToStage(canvas, model, { onBegin, onDraw, onClick, onChange: render }, signal);
  listenToTimeline(timeline, model, goTo, signal);
  for (const type of ['keydown', 'pointerdown'])
    document.addEventListener(type, () => say(''), { signal, capture: true });
  const sizes = new ResizeObserver(render);
  for (const seen of [canvas, timeline]) sizes.observe(seen);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', render, { signal });
  const closeEvents = api.events(id, onEvent, () => say(NO_ANSWER, 'error'));
  canvas.focus({ preventScroll: true });
  tellNotes(0);
  void seek(0);
  render();

  return {
    actions,
    close() {
      ended.abort();
      model.playing = false;
      sizes.disconnect();
      pictures.close();
      closeEvents();
    },
  };
}

const nothing = (): void => undefined;

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

/** The object whose tracking is watched. */
function followed({ objects, selected }: Model): number | undefined {
  if (selected !== undefined && objects.get(selected)?.running) return selected;
  return [...objects.values()].find(({ running }) => running)?.id;
}

/** Where the chosen object is, or the middle of the frame. */
function firstDraft({ objects, selected, shown, video }: Model): FrameBox {
  const row = selected === undefined ? undefined : objects.get(selected)?.rows[shown];
  if (row) return boxOf(row);
  const side = Math.round(DRAFT_SHARE * Math.min(video.width, video.height));
  return { x: Math.round((video.width - side) / 2), y: Math.round((video.height - side) / 2), w: side, h: side };
}

function showControls(model: Model, picking: boolean): void {
  const running = isRunning(model);
  const { shown, shownTime, video } = model;
  const seconds = `${(shownTime ?? shown / video.fps).toFixed(2)} s`;
  element('position').textContent = `frame ${shown} / ${video.counted ? '' : '~'}${lastFrame(model)} · ${seconds}`;
  element('play').textContent = model.playing ? 'Pause' : 'Play';
  const start = element<HTMLButtonElement>('start');
  start.textContent = running ? 'Stop' : 'Start';
  start.title = running ? 'Stop tracking (s)' : 'Track what is not tracked yet (Enter)';
  start.disabled = !running && [...model.objects.values()].every(({ complete }) => complete);
  element<HTMLButtonElement>('undo').disabled = model.undo === 0;
  element<HTMLButtonElement>('export').disabled = model.objects.size === 0;
  element<HTMLButtonElement>('use').disabled = !model.draft;
  element('hint').textContent = hintOf(model, running, picking);
  element('work').dataset['state'] = running ? 'running' : 'still';
}

/** What can be done next. */
function hintOf(model: Model, running: boolean, picking: boolean): string {
  if (picking) return model.draft ? 'Enter uses this box; drag to draw another.' : 'Drag a box around the object.';
  if (model.objects.size === 0) return 'Drag a box around an object, then press Enter.';
  const chosen = model.selected !== undefined;
  if (running) return chosen ? `Tracking. Drag to correct object ${model.selected}.` : 'Tracking.';
  if ([...model.objects.values()].some(({ complete }) => !complete))
    return 'Enter tracks it. Drag to add another object.';
  return chosen
    ? `Drag to correct object ${model.selected} from this frame on.`
    : 'Drag to add an object; click one to correct it.';
}
