// Asks for the gateway's status at most once a second, while somebody can see the page. Of a gateway that is away
// a tab in the background goes on to ask, seldom: its title says so.

import { ApiError, TIMEOUT_MS, getStatus } from './api.js';
import type { Status } from './api_types.js';

export const POLL_MS = 1000;
const UNSEEN_MS = 5000;

export interface Listener {
  onStatus(status: Status, at: number): void;
  onFailure(error: ApiError, at: number, askedAt: number): void;
}

export class Poll {
  private readonly listener: Listener;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private question: number | null = null; // when it was asked that is not answered yet
  private stopped = false;
  private isAway = false;
  private answeredAt = -Infinity; // of performance.now()

  constructor(listener: Listener) {
    this.listener = listener;
    document.addEventListener('visibilitychange', () => {
      this.schedule();
    });
  }

  start(): void {
    this.stopped = false;
    this.answeredAt = -Infinity; // what stopped it has been put right
    this.schedule();
  }

  // Until start(): nothing is asked of who wants a token first.
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  // When the question went out for whose answer the page waits.
  get askedAt(): number | null {
    return this.question;
  }

  private schedule(): void {
    clearTimeout(this.timer);
    const { hidden } = document;
    if (!this.stopped && this.question === null && (!hidden || this.isAway)) {
      // From the answer on: a page that was held up does not ask the sooner for it.
      const dueAt = this.answeredAt + (hidden ? UNSEEN_MS : POLL_MS);
      this.timer = setTimeout(() => void this.ask(), Math.max(0, dueAt - performance.now()));
    }
  }

  private async ask(): Promise<void> {
    const askedAt = Date.now();
    this.question = askedAt;
    const answer = await getStatus().catch((error: unknown) =>
      error instanceof ApiError ? error : new ApiError(0, String(error)),
    );
    this.question = null;
    this.isAway = answer instanceof ApiError;
    const now = Date.now();
    if (answer instanceof ApiError) {
      // No question lasts longer: a computer that slept meanwhile asked nothing in its sleep.
      this.listener.onFailure(answer, now, Math.max(askedAt, now - TIMEOUT_MS));
    } else {
      this.listener.onStatus(answer, now);
    }
    this.answeredAt = performance.now();
    this.schedule();
  }
}
