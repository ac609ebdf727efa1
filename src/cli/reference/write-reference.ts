import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../policy/package-root.ts'
import { referencePages } from './reference-pages.ts'

for (const [name, text] of Object.entries(await referencePages()))
  writeFileSync(join(packageRoot, 'docs/reference', name), text)
