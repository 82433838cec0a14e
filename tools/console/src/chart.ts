// One live chart: a title, the values of now, the last minutes. The picture is dygraphs'; the numbers beside
// the title say the same to who cannot see it.

import Dygraph from 'dygraphs';
import type { AxisOptions, Options, Row } from 'dygraphs';
import { niceTop, timeTicks } from './axis.js';
import { el, freshId } from './dom.js';
import { clock } from './format.js';
import type { Point } from './history.js';
import { colour, onThemeChange } from './theme.js';

// Legends and titles are drawn by this page, so that nothing but axes is left to the library; its legend
// would set a style attribute, which the content security policy forbids.
Dygraph.PLUGINS = [Dygraph.Plugins.Axes, Dygraph.Plugins.Grid];

export interface Series {
  readonly name: string;
  readonly colour: string; // of the style sheet: --NAME
  readonly dashed?: boolean; // where another line may run in the same place
  readonly value: (point: Point) => number | null;
}

export interface Spec {
  readonly id: string;
  readonly title: string;
  readonly hint: string; // what it means, in a sentence
  readonly least: number; // the axis never ends below this
  readonly unit?: 1024; // of bytes; else 1000
  // The first of two series grows upwards and the second downwards, each on a scale of its own: neither
  // hides the other, nor makes it small.
  readonly mirrored?: boolean;
  readonly stacked?: boolean; // parts of a whole, one on top of the other
  readonly format: (value: number) => string;
  readonly series: (points: readonly Point[]) => readonly Series[];
  readonly empty: string; // said where there is no series
  readonly unknown?: string; // said where a value is not known
}

export type OnHover = (at: number | null) => void;

type Values = readonly (number | null)[];

function largestOf(values: Values): number {
  return values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
}

const SPACE = 1.04; // above the largest value
const EDGE = 0.001; // of the span, behind "now": dygraphs leaves out a tick at the very end

export class Chart {
  readonly element: HTMLElement;
  private readonly spec: Spec;
  private readonly canvas = el('div', { class: 'chart-canvas', 'aria-hidden': 'true' });
  private readonly legend = el('ul', { class: 'legend' });
  private readonly when = el('span', { class: 'chart-when' });
  private readonly onHover: OnHover;
  private graph: Dygraph | null = null;
  private points: readonly Point[] = []; // of the span, and one before it
  private spanMs = 0;
  private series: readonly Series[] = [];
  private hoverAt: number | null = null;

  constructor(spec: Spec, onHover: OnHover) {
    this.spec = spec;
    this.onHover = onHover;
    const title = freshId('chart');
    this.element = el(
      'figure',
      { class: 'chart panel', 'aria-labelledby': title, 'data-chart': spec.id },
      el(
        'figcaption',
        {},
        el('h3', { id: title }, spec.title),
        this.when,
        el('p', { class: 'chart-hint' }, spec.hint),
      ),
      this.legend,
      this.canvas,
    );
    new ResizeObserver(() => {
      this.graph?.resize();
    }).observe(this.canvas);
    onThemeChange(() => {
      this.draw();
    });
  }

  show(points: readonly Point[], spanMs: number): void {
    this.points = points;
    this.spanMs = spanMs;
    this.series = this.spec.series(points);
    this.draw();
    this.writeLegend();
  }

  // The moment that the visitor points at in any of the charts.
  hover(at: number | null): void {
    this.hoverAt = at;
    const row = at === null ? -1 : this.points.findIndex((point) => point.at === at);
    if (row < 0) {
      this.graph?.clearSelection();
    } else {
      this.graph?.setSelection(row);
    }
    this.writeLegend();
  }

  private draw(): void {
    const last = this.points[this.points.length - 1];
    if (last === undefined || this.canvas.clientWidth === 0) {
      return; // out of sight
    }
    const values = this.series.map(({ value }) => this.points.map(value));
    const tops = this.topsOf(values);
    const rows = this.rows(values, tops);
    const options = this.options(last.at, tops);
    if (this.graph === null) {
      this.graph = new Dygraph(this.canvas, rows, { ...this.fixedOptions(), ...options });
    } else {
      this.graph.updateOptions({ ...options, file: rows });
    }
  }

  // The end of each series' axis: one for all, unless each has its own half.
  private topsOf(values: readonly Values[]): number[] {
    const of = (value: number): number => niceTop(value, this.spec.least, this.spec.unit ?? 1000);
    if (this.spec.stacked === true) {
      const sums = this.points.map((_, row) => values.reduce((sum, each) => sum + (each[row] ?? 0), 0));
      return values.map(() => of(largestOf(sums)));
    }
    const largest = values.map(largestOf);
    return this.spec.mirrored === true ? largest.map(of) : largest.map(() => of(Math.max(...largest)));
  }

  // Of mirrored series the shares of their halves.
  private rows(values: readonly Values[], tops: readonly number[]): Row[] {
    const scales = tops.map((top, i) => (this.spec.mirrored === true ? (i === 0 ? 1 : -1) / top : 1));
    return this.points.map(({ at }, row) => {
      const cells = values.map((each, i) => {
        const value = each[row] ?? null;
        return value === null ? null : value * (scales[i] ?? 1);
      });
      return [at, ...(cells.length === 0 ? [null] : cells)];
    });
  }

  private fixedOptions(): Options {
    return {
      legend: 'never',
      interactionModel: {},
      strokeWidth: 1.5,
      fillGraph: true,
      fillAlpha: this.spec.stacked === true ? 0.3 : 0.14,
      stackedGraph: this.spec.stacked === true,
      stackedGraphNaNFill: 'none', // a gap stays one
      highlightCircleSize: 3,
      rightGap: 0,
      highlightCallback: (_event, x) => {
        this.onHover(x);
      },
      unhighlightCallback: () => {
        this.onHover(null);
      },
    };
  }

  private options(now: number, tops: readonly number[]): Options {
    const axis = {
      axisLabelFontSize: 11,
      axisLineColor: colour('line'),
      gridLineColor: colour('line'),
      gridLineWidth: 1,
    };
    const none = this.series.length === 0;
    return {
      labels: ['time', ...(none ? ['none'] : this.series.map(({ name }) => name))],
      colors: none ? [colour('muted')] : this.series.map((each) => colour(each.colour)),
      series: Object.fromEntries(
        this.series.map(({ name, dashed }) => [
          name,
          dashed === true ? { strokePattern: [5, 4], fillGraph: false, strokeWidth: 2 } : {},
        ]),
      ),
      dateWindow: [now - this.spanMs, now + this.spanMs * EDGE],
      axes: {
        x: { ...axis, drawGrid: true, axisLabelWidth: 56, ticker: () => timeTicks(now, this.spanMs) },
        y: { ...axis, axisLabelWidth: 52, ...this.valueAxis(tops) },
      },
      valueRange: this.spec.mirrored === true ? [-SPACE, SPACE] : [0, (tops[0] ?? this.spec.least) * SPACE],
    };
  }

  private valueAxis(tops: readonly number[]): AxisOptions {
    const [first = this.spec.least, second = first] = tops;
    const { format, mirrored } = this.spec;
    return {
      ticker: () =>
        mirrored === true
          ? [
              { v: -1, label: format(second) },
              { v: 0, label: '0' },
              { v: 1, label: format(first) },
            ]
          : [0, first / 2, first].map((v) => ({ v, label: format(v) })),
    };
  }

  private writeLegend(): void {
    const point =
      this.points.find(({ at }) => at === this.hoverAt) ?? this.points[this.points.length - 1];
    this.when.textContent = this.hoverAt !== null && point !== undefined ? clock(new Date(point.at)) : '';
    if (point === undefined || this.series.length === 0) {
      this.legend.replaceChildren(el('li', { class: 'muted' }, this.spec.empty));
      return;
    }
    this.legend.replaceChildren(
      ...this.series.map(({ name, colour: key, dashed, value }) => {
        const now = value(point);
        const unknown = this.spec.unknown === undefined ? '–' : `– ${this.spec.unknown}`;
        return el(
          'li',
          {},
          el('span', { class: `key key-${key}${dashed === true ? ' key-dashed' : ''}`, 'aria-hidden': 'true' }),
          `${name} `,
          el('strong', {}, now === null ? unknown : this.spec.format(now)),
        );
      }),
    );
  }
}
