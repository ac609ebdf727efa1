import { describe, expect, test } from 'vitest'
import { csvHeader, csvRecord } from '../../../src/domain/audit/csv-record.ts'
import { anEvent } from '../../support/an-event.ts'

const column = (name: string) => csvHeader.trimEnd().split(',').indexOf(name)

/** As RFC 4180 says, for one record. */
function cellsOf(record: string): string[] {
  return [...record.replace(/\r\n$/u, '').matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/gu)].map(
    ([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain,
  )
}

describe('an event as a CSV record', () => {
  test('has a cell for every column, and ends as RFC 4180 says', () => {
    const record = csvRecord(anEvent())
    expect(record.endsWith('\r\n')).toBe(true)
    expect(cellsOf(record)).toHaveLength(csvHeader.split(',').length)
    expect(cellsOf(record)[column('resourceGroups')]).toBe('edge staging')
  })

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('holds no formula: %j', (name) => {
    const cells = cellsOf(csvRecord(anEvent({ client: { ip: '10.0.0.7', name, version: '1' } })))
    expect(cells[column('clientName')]).toBe(`'${name}`)
  })

  test.each(['a,b', 'a"b', 'a\r\nb', 'a\nb', "it's", ' =1'])('gives back what is no formula: %j', (name) => {
    const cells = cellsOf(csvRecord(anEvent({ client: { ip: '10.0.0.7', name, version: '1' } })))
    expect(cells[column('clientName')]).toBe(name)
  })

  test('leaves absent parts empty', () => {
    const cells = cellsOf(
      csvRecord(anEvent({ actor: null, agent: null, resource: null, client: null, launcher: null })),
    )
    for (const name of ['actorId', 'agentName', 'resourceVersion', 'clientIp', 'launcherVerified'])
      expect(cells[column(name)]).toBe('')
  })
})
