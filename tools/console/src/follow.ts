// Keeps a list that grows at its end at its newest line, unless the reader has scrolled up.

const SLACK_PX = 8; // parts of a line, and rounding

export class Follow {
  private readonly scroller: HTMLElement;
  private follows = true;

  constructor(scroller: HTMLElement) {
    this.scroller = scroller;
    scroller.addEventListener('scroll', () => {
      const { scrollHeight, scrollTop, clientHeight } = scroller;
      this.follows = scrollHeight - scrollTop - clientHeight <= SLACK_PX;
    });
    // What grew while its view was hidden could not be scrolled.
    new ResizeObserver(() => {
      this.grown();
    }).observe(scroller);
  }

  // To be called when something was added.
  grown(): void {
    if (this.follows) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
    }
  }

  // Back to the newest line, whatever the reader has done: what follows is the answer to it.
  toEnd(): void {
    this.follows = true;
    this.grown();
  }
}
