// Asks for the gateway's status at most once a second, while somebody can see the page.

import { ApiError, getStatus } from './api.js';
import type { Status } from './api_types.js';

export const POLL_MS = 1000;

export interface Listener {
  onStatus(status: Status, at: number): void;
  onFailure(error: ApiError, at: number): void;
}

export class Poll {
  private readonly listener: Listener;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking = false;
  private stopped = false;
  private nextAt = 0; // of performance.now(): not asked before that

  constructor(listener: Listener) {
    this.listener = listener;
    document.addEventListener('visibilitychange', () => {
      this.schedule();
    });
  }

  start(): void {
    this.stopped = false;
    this.nextAt = 0; // what stopped it has been put right
    this.schedule();
  }

  // Until start(): nothing is asked of who wants a token first.
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (!this.stopped && !document.hidden && !this.asking) {
      this.timer = setTimeout(() => void this.ask(), Math.max(0, this.nextAt - performance.now()));
    }
  }

  private async ask(): Promise<void> {
    this.asking = true;
    const answer = await getStatus().catch((error: unknown) =>
      error instanceof ApiError ? error : new ApiError(0, String(error)),
    );
    this.asking = false;
    if (answer instanceof ApiError) {
      this.listener.onFailure(answer, Date.now());
    } else {
      this.listener.onStatus(answer, Date.now());
    }
    // From the answer on: a page that was held up does not ask the sooner for it.
    this.nextAt = performance.now() + POLL_MS;
    this.schedule();
  }
}
