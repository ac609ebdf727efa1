#!/usr/bin/env node
// The only JavaScript that is run as it lies in src/. It makes dist/ fit src/ and hands over to the command line.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = join(root, 'node_modules/typescript/bin/tsc')
const entry = join(root, 'dist/cli/main.js')
const stamp = join(root, 'dist/.built-from')
const lock = join(root, '.cache/build.lock')
const LOCK_WAIT_MS = 120_000
const LOCK_POLL_MS = 50

const commandLine = process.argv.slice(2)
prepare()
if (commandLine[0] !== '--build-only') {
  const { run } = await import(pathToFileURL(entry).href)
  process.exitCode = await run(commandLine)
}

/** Makes dist/ current. An installed package carries no compiler: its dist/ is used as it came. */
function prepare() {
  if (existsSync(compiler)) {
    if (!isCurrent()) buildAlone()
  } else if (!existsSync(entry)) {
    fail('dist/ is missing and there is no compiler to build it: run npm ci first')
  }
}

function isCurrent() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === sourceState()
}

/** One line per file and folder that dist/ is made from; also an older file put back, or a deleted one, changes it. */
function sourceState() {
  const state = []
  const visit = (path) => {
    const { mtimeMs, size } = statSync(join(root, path))
    state.push(`${path} ${mtimeMs} ${size}`)
  }
  visit('tsconfig.json')
  const folders = ['src']
  for (const folder of folders) {
    visit(folder)
    for (const member of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${member.name}`
      if (member.isDirectory()) folders.push(path)
      else visit(path)
    }
  }
  return state.join('\n')
}

/** Of two launches at once, one builds; the other waits for its lock to go and finds the work done. */
function buildAlone() {
  mkdirSync(join(root, '.cache'), { recursive: true })
  const giveUpAt = Date.now() + LOCK_WAIT_MS
  while (!lockTaken()) {
    if (Date.now() > giveUpAt)
      fail(`another build has not ended within ${LOCK_WAIT_MS / 1000} s; if none is running, remove ${lock}`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS)
  }
  try {
    if (!isCurrent()) build()
  } finally {
    rmSync(lock, { force: true })
  }
}

function lockTaken() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (holderIsGone()) rmSync(lock, { force: true })
    return false
  }
}

function holderIsGone() {
  try {
    const holder = Number(readFileSync(lock, 'utf8'))
    if (holder > 0) process.kill(holder, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

/** Builds beside dist/ and swaps, so that a failed or killed build leaves the old one whole. Types are for `npm run check`. */
function build() {
  const before = sourceState()
  const fresh = join(root, `.cache/build-${process.pid}`)
  const old = join(root, `.cache/old-${process.pid}`)
  const project = ['-p', join(root, 'tsconfig.json'), '--noCheck', '--outDir', fresh]
  const compiled = spawnSync(process.execPath, [compiler, ...project], { cwd: root, encoding: 'utf8' })
  if (compiled.status !== 0) {
    rmSync(fresh, { recursive: true, force: true })
    rmSync(lock, { force: true })
    fail(`the build failed\n${compiled.stdout}${compiled.stderr}`)
  }
  cpSync(join(root, 'src'), fresh, { recursive: true, filter: (path) => !/(\.tsx?|launch\.js)$/.test(path) })
  writeFileSync(join(fresh, '.built-from'), before)
  if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old)
  renameSync(fresh, join(root, 'dist'))
  rmSync(old, { recursive: true, force: true })
}

function fail(message) {
  process.stderr.write(`certlocker: ${message}\n`)
  process.exit(1)
}
