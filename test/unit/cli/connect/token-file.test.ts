import { mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { tokenFile } from '../../../../src/cli/connect/token-file.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function fileWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'certlocker-token-'))
  folders.push(folder)
  await writeFile(join(folder, 'token'), text, { mode: 0o600 })
  return join(folder, 'token')
}

describe('a token file', () => {
  test('is read without its last line break', async () => {
    expect(await tokenFile(await fileWith('one\n'), () => undefined).read()).toBe('one')
  })

  test('gets the successor, also behind a link, and nothing is left lying beside it', async () => {
    const file = await fileWith('one\n')
    const link = join(dirname(file), 'link')
    await symlink(file, link)
    const source = tokenFile(link, () => undefined)
    await source.exclusively(() => source.keep('two'))
    expect(await readFile(file, 'utf8')).toBe('two\n')
    expect(await source.read()).toBe('two')
    expect((await readdir(dirname(file))).toSorted()).toEqual(['link', 'token'])
  })

  test('that cannot be written leaves the successor in memory, with a note that does not show it', async () => {
    const notes: string[] = []
    const file = await fileWith('one\n')
    const source = tokenFile(file, (text) => void notes.push(text))
    await rm(dirname(file), { recursive: true })
    await source.exclusively(() => source.keep('two'))
    expect(await source.read()).toBe('two')
    expect(notes).toEqual([expect.stringContaining('cannot be written')])
    expect(notes.join('')).not.toContain('two')
  })

  test('is taken by one bridge at a time', async () => {
    const file = await fileWith('one\n')
    let [inside, most] = [0, 0]
    const step = async () => {
      most = Math.max(most, ++inside)
      await readFile(file)
      inside -= 1
    }
    await Promise.all(Array.from({ length: 5 }, () => tokenFile(file, () => undefined).exclusively(step)))
    expect(most).toBe(1)
  })

  test('is not held for ever by a bridge that was killed', async () => {
    const file = await fileWith('one\n')
    await writeFile(`${file}.lock`, '')
    const longAgo = new Date(Date.now() - 61_000)
    await utimes(`${file}.lock`, longAgo, longAgo)
    expect(await tokenFile(file, () => undefined).exclusively(async () => 'done')).toBe('done')
  })
})
