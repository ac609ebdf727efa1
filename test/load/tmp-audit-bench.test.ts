import { test } from 'vitest'
import { benchAuditAppend } from './audit-bench.ts'
test('bench', { timeout: 200000 }, async () => { console.table(await benchAuditAppend([1,16,64])) })
