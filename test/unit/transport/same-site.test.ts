import { describe, expect, test } from 'vitest'
import { isSameSite } from '../../../src/transport/http/same-site.ts'

const local = { host: '127.0.0.1', allowedOrigins: [] }
const published = {
  host: '0.0.0.0',
  publicUrl: 'https://gate.example.com',
  allowedOrigins: ['https://tools.example.com'],
}

describe('a Host header', () => {
  test.each(['127.0.0.1:8080', 'localhost', 'localhost:1', '[::1]:8080', 'LOCALHOST:8080'])(
    '%s names this machine',
    (host) => {
      expect(isSameSite(local, host, undefined)).toBe(true)
    },
  )

  test.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '169.254.169.254',
    'evil@localhost',
    'gate.example.com',
    'local host',
  ])('%s is refused by a gateway on loopback', (host) => {
    expect(isSameSite(local, host, undefined)).toBe(false)
  })

  test.each(['gate.example.com', 'gate.example.com:8443', '192.0.2.7:8080', '[2001:db8::1]'])(
    '%s is one of a published gateway',
    (host) => {
      expect(isSameSite(published, host, undefined)).toBe(true)
    },
  )

  test.each(['other.example.com', 'tools.example.com'])('%s is none of a published gateway', (host) => {
    expect(isSameSite(published, host, undefined)).toBe(false)
  })
})

describe('an Origin header', () => {
  test.each([
    'http://127.0.0.1:8080',
    'http://localhost:6274',
    'https://gate.example.com',
    'https://tools.example.com',
  ])('%s may call', (origin) => {
    expect(isSameSite(published, 'gate.example.com', origin)).toBe(true)
  })

  test.each([
    'null',
    'https://evil.example',
    'http://gate.example.com',
    'https://gate.example.com.evil.example',
    'https://tools.example.com:444',
    'file://',
    'chrome-extension://abc',
    '',
  ])('%s is foreign', (origin) => {
    expect(isSameSite(published, 'gate.example.com', origin)).toBe(false)
  })
})
