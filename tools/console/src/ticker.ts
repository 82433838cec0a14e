// Calls back for each picture of what moves: 30 a second, two where the visitor wants less motion, none
// while the page is hidden.

const FRAME_MS = 1000 / 30;
const CALM_MS = 500;

type Draw = (now: number) => void;

const drawers = new Set<Draw>();
const calm = matchMedia('(prefers-reduced-motion: reduce)');
let lastAt = 0;
let running = false;

function frame(now: number): void {
  if (drawers.size === 0) {
    running = false;
    return;
  }
  requestAnimationFrame(frame);
  // A frame of 60 Hz may come a little early: without the slack every third would be left out.
  if (now - lastAt >= (calm.matches ? CALM_MS : FRAME_MS) - 4) {
    lastAt = now;
    for (const draw of drawers) {
      draw(now);
    }
  }
}

// `now` is that of performance.now(). Gives back what ends it.
export function onFrame(draw: Draw): () => void {
  drawers.add(draw);
  if (!running) {
    running = true;
    requestAnimationFrame(frame);
  }
  return () => drawers.delete(draw);
}
