// The six states as a picture: where the client is, and the ways it just took.

import { el, setAttribute, svg } from './dom.js';
import type { StateName } from './pulse.js';

const WIDTH = 112;
const HEIGHT = 36;
const TRAIL = 3; // ways remembered

const PLACES: Readonly<Record<StateName, readonly [number, number]>> = {
  INIT: [4, 4],
  CONNECTING: [154, 4],
  CONNECTED: [304, 4],
  CLOSED: [4, 110],
  CLOSING: [154, 110],
  RECONNECTING: [304, 110],
};

interface Way {
  readonly path: string;
  readonly label?: readonly [text: string, x: number, y: number];
  readonly rare?: true; // drawn only once it was taken, to keep the picture clear
}

// Every way of the clients' transition table (tests/vectors.json).
const WAYS: Readonly<Record<string, Way>> = {
  'INIT CONNECTING': { path: 'M116 22H149', label: ['log in', 134, 15] },
  'CONNECTING CONNECTED': { path: 'M266 22H299', label: ['pong', 284, 15] },
  'CONNECTED RECONNECTING': { path: 'M348 40V105', label: ['lost', 334, 77] },
  'RECONNECTING CONNECTED': { path: 'M384 110V45', label: ['back', 400, 77] },
  'CONNECTED CLOSING': { path: 'M322 40L259 105', label: ['log out', 256, 82] },
  'CONNECTED CLOSED': { path: 'M304 36L121 115', label: ['kicked', 184, 104] },
  'CLOSING CLOSED': { path: 'M154 130H121' },
  'CLOSED CONNECTING': { path: 'M84 110L164 44', label: ['log in', 102, 77] },
  'RECONNECTING CLOSING': { path: 'M304 130H271' },
  'INIT CLOSING': { path: 'M100 40L176 106', rare: true },
  'CONNECTING CLOSING': { path: 'M210 40V105', rare: true },
  'CONNECTING CLOSED': { path: 'M184 40L108 106', rare: true },
  'RECONNECTING CLOSED': { path: 'M360 146C330 166 90 166 60 151', rare: true },
};

export class StateDiagram {
  readonly element: HTMLElement;
  private readonly nodes = new Map<StateName, SVGGElement>();
  private readonly ways = new Map<string, SVGPathElement>();
  private readonly picture: SVGSVGElement;
  private trail: SVGPathElement[] = [];

  constructor(user: string) {
    const arrow = `arrow-${user}`;
    this.picture = svg(
      'svg',
      { viewBox: '0 0 420 152', role: 'img', class: 'diagram-picture' },
      svg(
        'defs',
        {},
        svg(
          'marker',
          { id: arrow, viewBox: '0 0 8 8', refX: 6, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: 'userSpaceOnUse', orient: 'auto' },
          svg('path', { d: 'M0 0.5L8 4L0 7.5z', class: 'arrow' }),
        ),
      ),
    );
    for (const [name, { path, label, rare }] of Object.entries(WAYS)) {
      const line = svg('path', { d: path, class: rare ? 'way rare' : 'way', 'marker-end': `url(#${arrow})`, pathLength: 1 });
      this.ways.set(name, line);
      this.picture.append(line);
      if (label !== undefined) {
        const [text, x, y] = label;
        this.picture.append(svg('text', { x, y, class: 'way-label' }, text));
      }
    }
    for (const [name, [x, y]] of Object.entries(PLACES) as [StateName, readonly [number, number]][]) {
      const node = svg(
        'g',
        { class: 'state', 'data-state': name },
        svg('rect', { x, y, width: WIDTH, height: HEIGHT, rx: 10 }),
        svg('text', { x: x + WIDTH / 2, y: y + HEIGHT / 2 + 4.3 }, name),
      );
      this.nodes.set(name, node);
      this.picture.append(node);
    }
    this.element = el('div', { class: 'diagram' }, this.picture);
    this.enter('INIT', 'INIT');
  }

  enter(from: StateName, to: StateName): void {
    for (const [name, node] of this.nodes) {
      node.classList.toggle('now', name === to);
    }
    setAttribute(
      this.picture,
      'aria-label',
      from === to ? `State: ${to}` : `State: ${to}, which came after ${from}`,
    );
    const way = this.ways.get(`${from} ${to}`);
    if (way !== undefined) {
      this.take(way);
    }
  }

  // The last way is the brightest; those before it fade.
  private take(way: SVGPathElement): void {
    this.trail = [way, ...this.trail.filter((other) => other !== way)].slice(0, TRAIL);
    for (const line of this.ways.values()) {
      const age = this.trail.indexOf(line);
      line.classList.toggle('taken', age === 0);
      line.classList.toggle('trail', age > 0);
    }
  }
}
