import { describe, expect, test } from 'vitest'
import { SessionActivity } from '../../../../src/domain/sessions/session-activity.ts'

function given() {
  const written: { sessions: unknown[]; tokens: unknown[] } = { sessions: [], tokens: [] }
  const state = { nowMs: 1_000, isAway: false }
  const touch = (kind: 'sessions' | 'tokens') => async (rows: readonly unknown[]) => {
    if (state.isAway) throw new Error('the database is away')
    written[kind].push(rows)
  }
  const activity = new SessionActivity({
    sessions: { touch: touch('sessions') },
    tokens: { touch: touch('tokens') },
    clock: { now: () => state.nowMs },
  })
  return { activity, written, state }
}

describe('session activity', () => {
  test('writes many uses as one row per session and token, with the latest time', async () => {
    const { activity, written, state } = given()
    activity.seen('ses_1', 'tok_1', '10.0.0.1')
    activity.seen('ses_2', 'tok_1', '10.0.0.2')
    state.nowMs = 2_000
    activity.seen('ses_1', 'tok_1', '10.0.0.1')
    await activity.flush()
    expect(written.sessions).toEqual([
      [
        { id: 'ses_1', at: new Date(2_000) },
        { id: 'ses_2', at: new Date(1_000) },
      ],
    ])
    expect(written.tokens).toEqual([[{ tokenId: 'tok_1', at: new Date(2_000), ip: '10.0.0.1' }]])
  })

  test('writes nothing when nothing was used since', async () => {
    const { activity, written } = given()
    activity.seen('ses_1', 'tok_1', '10.0.0.1')
    await activity.flush()
    await activity.flush()
    expect(written.sessions).toHaveLength(1)
    expect(written.tokens).toHaveLength(1)
  })

  test('keeps what could not be written, and what came later in its place', async () => {
    const { activity, written, state } = given()
    activity.seen('ses_1', 'tok_1', '10.0.0.1')
    activity.seen('ses_2', 'tok_1', '10.0.0.1')
    state.isAway = true
    const failing = activity.flush()
    state.nowMs = 3_000
    activity.seen('ses_1', 'tok_1', '10.0.0.9')
    await expect(failing).rejects.toThrow('away')
    state.isAway = false
    await activity.flush()
    expect(written.sessions).toEqual([
      [
        { id: 'ses_1', at: new Date(3_000) },
        { id: 'ses_2', at: new Date(1_000) },
      ],
    ])
    expect(written.tokens).toEqual([[{ tokenId: 'tok_1', at: new Date(3_000), ip: '10.0.0.9' }]])
  })
})
