import { type Fault, fault } from '../../kernel/fault.ts'

/** The groups that someone may use and hand out: their names, or every group there is and will be. */
export type GroupReach = 'every' | readonly string[]

/**
 * Refuses to hand out more than one has.
 * @param holder who it is that lacks the groups, for the message
 * @returns GROUP_NOT_PERMITTED naming the groups beyond the reach, or undefined when there are none
 */
export function beyondReach(groups: GroupReach, reach: GroupReach, holder: string): Fault | undefined {
  if (reach === 'every') return undefined
  if (groups === 'every')
    return fault('GROUP_NOT_PERMITTED', { message: `Every group is more than ${holder} has: [${reach.join(', ')}]` })
  const beyond = groups.filter((group) => !reach.includes(group)).sort()
  if (beyond.length === 0) return undefined
  return fault('GROUP_NOT_PERMITTED', { message: `Groups [${beyond.join(', ')}] lie outside those of ${holder}` })
}
