/** Milliseconds of a clock that nobody sets. All waiting is on it: the one on the wall may be put back by hours. */
export const now = (): number => performance.now()
