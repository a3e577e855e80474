/** The list of videos and folders of images. */
import type { FileInfo, FileList } from '../messages.js';
import { element } from './dom.js';

/** Number of entries from which on a filter is offered. */
const FILTER_FROM = 12;

export function showLibrary({ files, more }: FileList, onOpen: (path: string) => void, signal: AbortSignal): void {
  const [list, filter, note] = [element('files'), element<HTMLInputElement>('filter'), element('files-note')];
  const fill = (): void => {
    const wanted = filter.value.toLowerCase();
    const found = files.filter(({ path }) => path.toLowerCase().includes(wanted));
    list.replaceChildren(...found.map((file) => entry(file, onOpen)));
    note.textContent = noteOf(files.length, found.length, more);
  };
  filter.hidden = files.length < FILTER_FROM;
  filter.addEventListener('input', fill, { signal });
  list.addEventListener('keydown', moveFocus, { signal });
  fill();
  list.querySelector('button')?.focus();
}

export function titleOf(path: string): string {
  return path === '.' ? 'images of this folder' : path;
}

function entry({ path, kind, size }: FileInfo, onOpen: (path: string) => void): HTMLLIElement {
  const [item, button, name, about] = [create('li'), create('button'), create('span'), create('small')];
  button.type = 'button';
  name.textContent = titleOf(path);
  about.textContent = kind === 'video' ? sizeText(size) : `${size} images`;
  button.append(name, about);
  button.addEventListener('click', () => onOpen(path));
  item.append(button);
  return item;
}

const create = <K extends keyof HTMLElementTagNameMap>(tag: K): HTMLElementTagNameMap[K] => document.createElement(tag);

function sizeText(bytes: number): string {
  return bytes < 1e6
    ? `${Math.ceil(bytes / 1e3)} kB`
    : bytes < 1e9
      ? `${(bytes / 1e6).toFixed(1)} MB`
      : `${(bytes / 1e9).toFixed(1)} GB`;
}

function noteOf(all: number, found: number, more: boolean): string {
  if (all === 0) return 'No videos and no images in this folder. Start ebm-tracker serve with another one.';
  if (found === 0) return 'None has this in its name.';
  return more ? `The first ${all}: start ebm-tracker serve in a folder below to see others.` : '';
}

/** Arrow keys go from entry to entry. */
function moveFocus(event: KeyboardEvent): void {
  const item = document.activeElement?.closest('li');
  const next =
    event.key === 'ArrowDown'
      ? item?.nextElementSibling
      : event.key === 'ArrowUp'
        ? item?.previousElementSibling
        : undefined;
  if (!next) return;
  event.preventDefault();
  next.querySelector('button')?.focus();
}
