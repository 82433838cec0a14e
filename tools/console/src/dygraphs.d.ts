// As much of dygraphs 2.2 (Debian's libjs-dygraphs) as the console uses.

declare module 'dygraphs' {
  export type Row = [number, ...(number | null)[]];

  export interface Tick {
    v: number;
    label: string;
  }

  export interface AxisOptions {
    ticker?: () => Tick[];
    drawGrid?: boolean;
    axisLabelWidth?: number;
    axisLabelFontSize?: number;
    axisLineColor?: string;
    gridLineColor?: string;
    gridLineWidth?: number;
  }

  export interface SeriesOptions {
    strokePattern?: number[];
    strokeWidth?: number;
    fillGraph?: boolean;
  }

  export interface Options {
    series?: Record<string, SeriesOptions>;
    labels?: string[];
    colors?: string[];
    file?: Row[];
    dateWindow?: [number, number];
    valueRange?: [number, number];
    axes?: { x?: AxisOptions; y?: AxisOptions };
    strokeWidth?: number;
    fillGraph?: boolean;
    fillAlpha?: number;
    stackedGraph?: boolean;
    stackedGraphNaNFill?: 'none';
    legend?: 'never';
    interactionModel?: object;
    highlightCircleSize?: number;
    highlightCallback?: (event: MouseEvent, x: number) => void;
    unhighlightCallback?: () => void;
    rightGap?: number;
  }

  export default class Dygraph {
    static PLUGINS: unknown[];
    static Plugins: { readonly Axes: unknown; readonly Grid: unknown };
    constructor(element: HTMLElement, data: Row[], options: Options);
    updateOptions(options: Options): void;
    resize(): void;
    numRows(): number;
    setSelection(row: number): void;
    clearSelection(): void;
  }
}
