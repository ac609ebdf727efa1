import type { Note, TokenSource } from './token-source.ts'

/** A token from a place that the bridge only reads: its successors live as long as the bridge. */
export function heldToken(place: string, readOnce: () => Promise<string>, note: Note): TokenSource {
  let held: string | undefined
  let told = false
  return {
    place,
    read: async () => {
      held ??= await readOnce()
      return held
    },
    keep: async (successor) => {
      held = successor
      if (!told)
        note(
          `the token rotates, and ${place} still holds the first one: its successors end with this process. Start with --token-file to keep them`,
        )
      told = true
    },
    exclusively: (step) => step(),
  }
}
