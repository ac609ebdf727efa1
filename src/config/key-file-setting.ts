/** Takes an item of `policy.publicKeys` apart: `KEYID=path` or `path`. */
export function keyFileOf(setting: string): { readonly id: string | undefined; readonly file: string } {
  const [, id, file = setting] = /^([\w.-]+)=(.+)$/s.exec(setting) ?? []
  return { id, file }
}
