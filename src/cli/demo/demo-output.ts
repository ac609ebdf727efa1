/** Where the demo talks to its reader. */
export interface DemoOutput {
  line(text: string): void
  /** Resolves when the reader wants a kept demo to end. */
  untilInterrupted(): Promise<void>
}
