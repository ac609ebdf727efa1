import { isObject, type Json } from './api.ts'
import { sheet, table } from './table.ts'

/** What an approver reads: the gateway's facts first, what the agent says last and marked as its own claim. */
export function approvalSheet(approval: Json): string {
  const { similar, votes, claimed, requirement, reasons, resource, ...facts } = approval
  const needed = isObject(requirement) ? requirement : {}
  const about = isObject(resource) ? resource : {}
  const text = sheet({
    id: facts['id'],
    status: facts['frozen'] === true ? `${String(facts['status'])} (frozen: the agent is suspended)` : facts['status'],
    agent: facts['agent'],
    'risk level': facts['riskLevel'],
    owner: facts['owner'],
    launcher: launcherText(facts['launcher']),
    tool: facts['tool'],
    arguments: facts['arguments'],
    resource: [about['type'], about['name']].filter((part) => typeof part === 'string').join(' '),
    version: about['version'],
    environment: facts['environment'],
    groups: facts['groups'],
    because: Array.isArray(reasons) ? reasons.filter(isObject).map(({ title }) => title) : [],
    needs: `${String(needed['quorum'])} of roles ${sheetList(needed['roles'])}`,
    call: facts['callDigest'],
    'asked at': facts['createdAt'],
    'decide before': facts['expiresAt'],
    'decided at': facts['decidedAt'],
    'use before': facts['useBefore'],
    'the agent claims': isObject(claimed) ? claimed['reason'] : undefined,
  })
  return [
    text,
    section('Votes', ['person', 'verdict', 'at', 'comment'], votes),
    section('The same before', ['id', 'agent', 'status', 'decidedBy', 'createdAt'], similar),
  ].join('')
}

function section(title: string, columns: readonly string[], rows: unknown): string {
  const items = Array.isArray(rows) ? rows.filter(isObject) : []
  return items.length === 0 ? '' : `\n${title}\n${table(columns, items)}`
}

function launcherText(launcher: unknown): unknown {
  if (!isObject(launcher)) return undefined
  return `${String(launcher['name'])} (${launcher['verified'] === true ? 'verified' : 'claimed'})`
}

function sheetList(names: unknown): string {
  return Array.isArray(names) ? names.join(', ') : ''
}
