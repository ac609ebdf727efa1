import type { PolicyInput } from './input.schema.ts'

type LocalTime = Omit<PolicyInput['call']['time'], 'unixMs'>

/** The latest moment that a Date can name, in milliseconds since the Unix epoch (ECMA-262, 21.4.1.1). */
export const unixMsMax = 8_640_000_000_000_000

/**
 * Weekday, hour and minute of a moment as a clock on that wall shows them.
 * @throws RangeError when the time zone is not an IANA name
 */
export function localTime(unixMs: number, timeZone: string): LocalTime {
  const wall = walls.get(timeZone) ?? hang(timeZone)
  const minute = Math.floor(unixMs / 60_000)
  if (wall.minute !== minute) {
    wall.minute = minute
    wall.time = read(wall.formatter, unixMs)
  }
  return wall.time
}

interface Wall {
  readonly formatter: Intl.DateTimeFormat
  minute: number
  time: LocalTime
}

// Formatting takes microseconds, and every call of the same minute has the same answer.
const walls = new Map<string, Wall>()

function hang(timeZone: string): Wall {
  const formatter = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'long',
    hour: 'numeric',
    minute: 'numeric',
  })
  const wall: Wall = { formatter, minute: Number.NaN, time: { weekday: '', hour: 0, minute: 0 } }
  walls.set(timeZone, wall)
  return wall
}

function read(formatter: Intl.DateTimeFormat, unixMs: number): LocalTime {
  const parts = new Map(formatter.formatToParts(unixMs).map(({ type, value }) => [type, value]))
  const weekday = weekdays.find((name) => name === parts.get('weekday')?.toLowerCase()) ?? ''
  return { weekday, hour: Number(parts.get('hour')), minute: Number(parts.get('minute')) }
}

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const
