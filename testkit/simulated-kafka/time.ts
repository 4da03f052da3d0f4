/** The only clock that the simulated cluster uses. */
export interface SimulatedTime {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `run` once, after `ms` milliseconds and never at once. The result cancels it. */
  after(ms: number, run: () => void): () => void;
}
