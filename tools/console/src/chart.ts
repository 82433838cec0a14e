// One small live chart: a title, the values of now, two minutes of past. The picture is dygraphs'; the
// numbers beside the title say the same to who cannot see it.

import Dygraph from 'dygraphs';
import type { Options, Row } from 'dygraphs';
import { el, freshId } from './dom.js';
import { clock, digits } from './format.js';
import { niceTop } from './rates.js';
import type { Point } from './rates.js';
import { colour, onThemeChange } from './theme.js';

// Legends and titles are drawn by this page, so that nothing but axes is left to the library; its legend
// would set a style attribute, which the content security policy forbids.
Dygraph.PLUGINS = [Dygraph.Plugins.Axes, Dygraph.Plugins.Grid];

export interface Series {
  readonly name: string;
  readonly colour: string; // of the style sheet: --NAME
  readonly value: (point: Point) => number | null;
}

export interface Spec {
  readonly id: string;
  readonly title: string;
  readonly hint: string; // what it means, in a sentence
  readonly least: number; // the axis never ends below this
  readonly unit?: 1024; // of bytes; else 1000
  readonly format: (value: number) => string;
  readonly series: (points: readonly Point[]) => readonly Series[];
  readonly empty: string; // said where there is no series
}

export type OnHover = (at: number | null) => void;

export class Chart {
  readonly element: HTMLElement;
  private readonly spec: Spec;
  private readonly spanMs: number;
  private readonly canvas = el('div', { class: 'chart-canvas', 'aria-hidden': 'true' });
  private readonly legend = el('ul', { class: 'legend' });
  private readonly when = el('span', { class: 'chart-when' });
  private readonly onHover: OnHover;
  private graph: Dygraph | null = null;
  private points: readonly Point[] = [];
  private series: readonly Series[] = [];
  private hoverAt: number | null = null;

  constructor(spec: Spec, spanMs: number, onHover: OnHover) {
    this.spec = spec;
    this.spanMs = spanMs;
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

  show(points: readonly Point[]): void {
    this.points = points;
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
    const rows = this.rows();
    const options = this.options(last.at, rows);
    if (this.graph === null) {
      this.graph = new Dygraph(this.canvas, rows, { ...this.fixedOptions(), ...options });
    } else {
      this.graph.updateOptions({ ...options, file: rows });
    }
  }

  private rows(): Row[] {
    if (this.series.length === 0) {
      return this.points.map(({ at }) => [at, null]);
    }
    return this.points.map((point) => [point.at, ...this.series.map(({ value }) => value(point))]);
  }

  private fixedOptions(): Options {
    return {
      legend: 'never',
      interactionModel: {},
      strokeWidth: 1.75,
      fillGraph: true,
      fillAlpha: 0.12,
      highlightCircleSize: 3,
      rightGap: 6,
      highlightCallback: (_event, x) => {
        this.onHover(x);
      },
      unhighlightCallback: () => {
        this.onHover(null);
      },
    };
  }

  private options(now: number, rows: Row[]): Options {
    const values = rows.flatMap(([, ...rest]) => rest.map((value) => value ?? 0));
    const top = niceTop(Math.max(...values), this.spec.least, this.spec.unit ?? 1000);
    const spanMs = this.shownMs(now);
    const axis = {
      axisLabelFontSize: 11,
      axisLineColor: colour('line'),
      gridLineColor: colour('line'),
      gridLineWidth: 1,
    };
    return {
      labels: ['time', ...(this.series.length === 0 ? ['none'] : this.series.map(({ name }) => name))],
      colors: this.series.length === 0 ? [colour('muted')] : this.series.map((each) => colour(each.colour)),
      dateWindow: [now - spanMs, now],
      valueRange: [0, top * 1.04],
      axes: {
        x: {
          ...axis,
          drawGrid: false,
          axisLabelWidth: 60,
          ticker: () =>
            [0.25, 0.5, 0.75].map((part) => ({
              v: now - part * spanMs,
              label: `−${digits((part * spanMs) / 1000)} s`,
            })),
        },
        y: {
          ...axis,
          axisLabelWidth: 52,
          ticker: () => [0, top / 2, top].map((v) => ({ v, label: this.spec.format(v) })),
        },
      },
    };
  }

  // The past that there is, not less than a quarter of the whole: a page just opened is no empty chart.
  private shownMs(now: number): number {
    const past = now - (this.points[0]?.at ?? now);
    return [this.spanMs / 4, this.spanMs / 2].find((part) => past <= part) ?? this.spanMs;
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
      ...this.series.map(({ name, colour: key, value }) => {
        const now = value(point);
        return el(
          'li',
          {},
          el('span', { class: `key key-${key}`, 'aria-hidden': 'true' }),
          `${name} `,
          el('strong', {}, now === null ? '–' : this.spec.format(now)),
        );
      }),
    );
  }
}
