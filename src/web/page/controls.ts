/** The texts and buttons around the picture: what they say, and which of them can be pressed. */
import { element } from './dom.js';
import { hintOf } from './hints.js';
import { isRunning, lastFrame, type Model } from './model.js';

export function showControls(model: Model, picking: boolean): void {
  const running = isRunning(model);
  const { shown, shownTime, video } = model;
  const seconds = `${(shownTime ?? shown / video.fps).toFixed(2)} s`;
  element('position').textContent = `frame ${shown} / ${video.counted ? '' : '~'}${lastFrame(model)} · ${seconds}`;
  element('play').textContent = model.playing || (video.live && model.following) ? 'Pause' : 'Play';
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
