// The heartbeat strip: time moves from right to left; pings stand above the line, pongs hang below it, and
// the ground shows the state. Painted, since it moves all the time.

import { el } from './dom.js';
import { seconds } from './format.js';
import type { Pulse, StateName } from './pulse.js';
import { colour } from './theme.js';

const HEIGHT = 64;
const LEAD = 10; // px kept free behind "now"
const GRID_MS = 5000;
const MIDDLE = 29;
const REACH = 22; // of a ping; a pong's is less, for the scale below

const GROUND: Readonly<Record<StateName, string>> = {
  INIT: 'strip-idle',
  CONNECTING: 'strip-wait',
  CONNECTED: 'strip-live',
  RECONNECTING: 'strip-wait',
  CLOSING: 'strip-idle',
  CLOSED: 'strip-idle',
};

export class Strip {
  readonly element: HTMLElement;
  private readonly canvas = el('canvas', { 'aria-hidden': 'true' });
  private readonly pulse: Pulse;
  private readonly spanMs: number;
  private width = 0;

  constructor(pulse: Pulse, spanMs: number) {
    this.pulse = pulse;
    this.spanMs = spanMs;
    this.element = el('div', { class: 'strip' }, this.canvas);
    new ResizeObserver(() => {
      this.fit();
    }).observe(this.element);
  }

  private fit(): void {
    const ratio = devicePixelRatio;
    this.width = this.element.clientWidth;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(HEIGHT * ratio);
  }

  draw(now: number): void {
    const paper = this.canvas.getContext('2d');
    if (paper === null || this.width === 0) {
      return;
    }
    this.pulse.prune(now);
    const ratio = this.canvas.width / this.width;
    paper.setTransform(ratio, 0, 0, ratio, 0, 0);
    paper.clearRect(0, 0, this.width, HEIGHT);
    const x = (at: number): number => this.width - LEAD - ((now - at) / this.spanMs) * this.width;
    this.paintGround(paper, x, now);
    this.paintGrid(paper, x, now);
    this.paintMarks(paper, x);
  }

  private paintGround(paper: CanvasRenderingContext2D, x: (at: number) => number, now: number): void {
    const spans = this.pulse.spans;
    spans.forEach(({ from, state }, i) => {
      const left = Math.max(0, x(from));
      const right = x(spans[i + 1]?.from ?? now);
      paper.fillStyle = colour(GROUND[state]);
      paper.fillRect(left, 0, Math.max(0, right - left), HEIGHT);
      if (state === 'CONNECTED') {
        paper.fillStyle = colour('accent');
        paper.fillRect(left, MIDDLE - 0.75, Math.max(0, right - left), 1.5);
      }
    });
  }

  private paintGrid(paper: CanvasRenderingContext2D, x: (at: number) => number, now: number): void {
    paper.font = '10px system-ui, sans-serif';
    paper.textAlign = 'center';
    for (let ago = GRID_MS; ago < this.spanMs; ago += GRID_MS) {
      const at = Math.round(x(now - ago)) + 0.5;
      paper.strokeStyle = colour('line');
      paper.lineWidth = 1;
      paper.beginPath();
      paper.moveTo(at, 0);
      paper.lineTo(at, HEIGHT - 14);
      paper.stroke();
      paper.fillStyle = colour('muted');
      paper.fillText(`−${seconds(ago).replace('.0', '')}`, at, HEIGHT - 4);
    }
    paper.fillStyle = colour('muted');
    paper.fillRect(x(now) - 0.5, 0, 1, HEIGHT);
  }

  private paintMarks(paper: CanvasRenderingContext2D, x: (at: number) => number): void {
    for (const { at, kind, direction } of this.pulse.marks) {
      const place = x(at);
      if (kind === 'ping' || kind === 'pong') {
        const up = direction === 'out';
        const reach = up ? -REACH : REACH - 6;
        paper.fillStyle = colour(up ? 'ping' : 'pong');
        paper.fillRect(place - 1, up ? MIDDLE + reach : MIDDLE, 2, Math.abs(reach));
        paper.beginPath();
        paper.arc(place, MIDDLE + reach, 3.5, 0, 2 * Math.PI);
        paper.fill();
      } else if (kind === 'failed') {
        paper.strokeStyle = colour('warn');
        paper.lineWidth = 1.5;
        paper.beginPath();
        paper.arc(place, MIDDLE, 3.5, 0, 2 * Math.PI);
        paper.stroke();
      } else if (kind === 'close') {
        paper.strokeStyle = colour('bad');
        paper.lineWidth = 2;
        paper.beginPath();
        paper.moveTo(place - 4, MIDDLE - 4);
        paper.lineTo(place + 4, MIDDLE + 4);
        paper.moveTo(place + 4, MIDDLE - 4);
        paper.lineTo(place - 4, MIDDLE + 4);
        paper.stroke();
      } else {
        paper.fillStyle = colour('muted');
        paper.fillRect(place - 0.75, direction === 'out' ? MIDDLE - 9 : MIDDLE, 1.5, 9);
      }
    }
  }
}
