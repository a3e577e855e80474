/** The view before a video is open: choose one, the models on their way, and what will compute. */
import type { ModelProgress } from '../../browser/store.js';
import type { TrackerDescription } from '../../tracker/types.js';
import { element } from '../page/dom.js';
import type { ModelChoice } from './tracker.js';

export interface OpeningHandlers {
  onFile(file: File): void;
  onCamera(): void;
  onModels(models: ModelChoice): void;
}

export interface Opening {
  show(): void;
  /** A video of this name is seen instead. */
  hide(title: string): void;
  /** One more sentence for people; undefined: none. */
  note(text: string | undefined): void;
  progress(progress: ModelProgress): void;
  ready(description: TrackerDescription): void;
  failed(): void;
}

const CHOICES: Readonly<Record<ModelChoice, string>> = {
  small: 'Small models: 8 and 16 bits',
  exact: 'Exact models: 32 bits',
};
const TITLE = 'Track an object in a video';

export function showOpening(models: ModelChoice, handlers: OpeningHandlers): Opening {
  const parts = build(models, handlers);
  const { status, reasons, engine } = parts;
  const notes: string[] = [];
  const list = (more: readonly string[]): void =>
    reasons.replaceChildren(...[...more, ...notes].map((text) => create('li', { textContent: text })));
  const loaded = new Map<string, ModelProgress>();
  const opening: Opening = {
    show() {
      element('library').hidden = false;
      element('back').hidden = true;
      element('position').textContent = '';
      element('title').textContent = TITLE;
      document.title = 'ebm-tracker';
    },
    hide(title) {
      element('library').hidden = true;
      element('back').hidden = false;
      element('title').textContent = title;
      document.title = title;
    },
    note(text) {
      if (text !== undefined) notes.push(text);
      list([]);
    },
    progress(progress) {
      loaded.set(progress.file, progress);
      status.textContent = `Models: ${progressText([...loaded.values()])}`;
    },
    ready({ device, threads, reasons: told }) {
      status.textContent = 'The tracker is ready.';
      status.dataset['ready'] = 'yes';
      const name = device === 'webgpu' ? 'WebGPU' : 'WebAssembly';
      engine.textContent = `${name}, ${threads} thread${threads === 1 ? '' : 's'}`;
      engine.title = told.join('\n');
      list(told);
    },
    failed() {
      status.textContent = 'The tracker does not open.';
    },
  };
  opening.show();
  return opening;
}

function build(models: ModelChoice, { onFile, onCamera, onModels }: OpeningHandlers) {
  const input = create('input', { type: 'file', accept: 'video/*,.mkv', id: 'file', hidden: true });
  const choose = create('button', { type: 'button', className: 'main', id: 'choose', textContent: 'Open a video' });
  const camera = create('button', { type: 'button', id: 'camera', textContent: 'Use the camera' });
  const select = create('select', { id: 'models', ariaLabel: 'Models' });
  const status = create('p', { id: 'status', textContent: 'The models are fetched.' });
  const reasons = create('ul', { id: 'reasons' });
  const engine = create('span', { id: 'engine' });
  status.setAttribute('role', 'status');
  select.append(...Object.entries(CHOICES).map(([name, text]) => new Option(text, name, false, name === models)));
  input.addEventListener('change', () => {
    const [file] = input.files ?? [];
    // the same one may be chosen again
    input.value = '';
    if (file) onFile(file);
  });
  choose.addEventListener('click', () => input.click());
  camera.addEventListener('click', onCamera);
  select.addEventListener('change', () => onModels(select.value as ModelChoice));
  listenToDrops(onFile);
  const buttons = create('div', { id: 'sources' });
  buttons.append(choose, camera, select, input);
  const intro = create('p', {
    textContent:
      'Nothing leaves this machine: the video is decoded and tracked in this page. A video can be dropped here, too.',
  });
  element('library').replaceChildren(intro, buttons, status, reasons);
  element('position').after(engine);
  choose.focus();
  return { status, reasons, engine };
}

function listenToDrops(onFile: (file: File) => void): void {
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (file) onFile(file);
  });
}

function progressText(files: readonly ModelProgress[]): string {
  const sum = (of: (file: ModelProgress) => number): string =>
    (files.reduce((all, file) => all + of(file), 0) / 1e6).toFixed(1);
  const [here, whole] = [sum(({ loaded }) => loaded), sum(({ loaded, total }) => total ?? loaded)];
  return `${here} of ${whole} MB${files.every(({ cached }) => cached) ? ', kept from the last visit' : ''}`;
}

function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), properties);
}
