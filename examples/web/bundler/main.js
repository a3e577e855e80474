/** A file is chosen, and the object in the middle of its first frame is followed to its end. */
import { createWorkerTracker, openVideoFile, trackVideo } from 'ebm-tracker/web';

const [input, canvas, output] = ['input', 'canvas', 'output'].map((name) => document.querySelector(name));
const say = (text) => (output.textContent = text);

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
const opened = createWorkerTracker(worker, {
  models: 'models',
  precision: 'int8',
  onProgress: ({ file, loaded, total }) => say(`${file.split('/').at(-1)}: ${loaded} of ${total ?? '?'} bytes`),
});

input.addEventListener('change', () => {
  follow(input.files[0]).catch((error) => say(`${error.message}. ${error.hint ?? ''}`));
});

async function follow(file) {
  const tracker = await opened;
  const video = await openVideoFile(file, { onNotice: say });
  const { width, height } = video;
  Object.assign(canvas, { width, height });
  const box = { x: width / 3, y: height / 3, w: width / 3, h: height / 3 };
  for await (const { frame, time, image, ...result } of trackVideo(tracker, video, box)) {
    draw(image, result);
    say(`frame ${frame}, ${time.toFixed(2)} s: ${result.state}, confidence ${result.confidence.toFixed(2)}`);
  }
  video.close();
}

function draw(image, { box: { x, y, w, h }, state }) {
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  context.lineWidth = 3;
  context.strokeStyle = state === 'lost' ? 'red' : 'lime';
  context.strokeRect(x, y, w, h);
}
