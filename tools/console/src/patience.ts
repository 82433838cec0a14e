// How long an answer is waited for. Times are in milliseconds.

const LATE_MS = 1000; // that a timer is behind once the page was held up
const LOOK_MS = 1000; // that such a page is given to see what came meanwhile

// A signal that aborts then. A page that was held up, on a computer that slept or had too much to do, has not heard
// what came: it looks at that before it says that nothing did. Once, since a page that nobody sees is always late.
export function patience(ms: number, now: () => number = () => performance.now()): AbortSignal {
  const patient = new AbortController();
  const dueAt = now() + ms;
  setTimeout(() => {
    setTimeout(
      () => {
        patient.abort();
      },
      now() - dueAt > LATE_MS ? LOOK_MS : 0,
    );
  }, ms);
  return patient.signal;
}
