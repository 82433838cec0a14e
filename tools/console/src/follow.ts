// Keeps a list that grows at its end at its newest line, unless the reader has scrolled up.

const SLACK_PX = 8; // parts of a line, and rounding

export class Follow {
  private readonly scroller: HTMLElement;
  private follows = true;
  private height = 0; // of all lines, when they were looked at last

  constructor(scroller: HTMLElement) {
    this.scroller = scroller;
    scroller.addEventListener('scroll', () => {
      this.follows = this.isAtEnd(scroller.scrollHeight);
    });
    // What grew while its view was hidden could not be scrolled.
    new ResizeObserver(() => {
      this.show();
    }).observe(scroller);
  }

  // To be called when something was added, and the first lines perhaps taken away. Whoever has scrolled up just
  // before may have done so without an event yet.
  grown(): void {
    const { scrollHeight, clientHeight } = this.scroller;
    if (clientHeight > 0 && !this.isAtEnd(Math.min(this.height, scrollHeight))) {
      this.follows = false;
    }
    this.height = scrollHeight;
    this.show();
  }

  // Back to the newest line, whatever the reader has done: what follows is the answer to it.
  toEnd(): void {
    this.follows = true;
    this.show();
  }

  private isAtEnd(height: number): boolean {
    return height - this.scroller.scrollTop - this.scroller.clientHeight <= SLACK_PX;
  }

  private show(): void {
    if (this.follows) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
    }
  }
}
