import { expect, test } from 'vitest'
import { isEd25519Key, newSshKey } from '../../../src/kernel/ssh-key.ts'

/** What ssh2 makes of a key whose public part begins with a zero byte. */
const CUT = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMgAAAAtz
c2gtZWQyNTUxOQAAAB8RLDg5t2DXJC7LHol+mAwokhZR4wMW6yP3ohTCnTjTAAAA
iASN6RYEjekWAAAAC3NzaC1lZDI1NTE5AAAAHxEsODm3YNckLsseiX6YDCiSFlHj
AxbrI/eiFMKdONMAAAA/wBlCfeet00xnSceh+XCx57qWzMZvzcaiHFlF8E626MIR
LDg5t2DXJC7LHol+mAwokhZR4wMW6yP3ohTCnTjTAAAAAAECAwQFBgc=
-----END OPENSSH PRIVATE KEY-----
`

test('every new key is whole, although ssh2 cuts leading zero bytes off', () => {
  expect(isEd25519Key(CUT)).toBe(false)
  for (let made = 0; made < 1_000; made++) {
    const { privateKey, publicKey } = newSshKey()
    expect(isEd25519Key(privateKey.expose())).toBe(true)
    expect(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64')).toHaveLength(51)
  }
})
