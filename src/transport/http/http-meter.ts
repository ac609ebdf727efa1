/** Counts answers. The metrics adapter implements it. */
export interface HttpMeter {
  /** @param route the path's pattern, or `unmatched` */
  answered(route: string, status: number, seconds: number): void
}
