// The pages of docs/ as strangers use them: one service for all, as the first page starts it, and
// for each page a terminal of its own in which nothing of another page is known.

import { readdirSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'
import { tryReceiver, tryRequest } from './receivers.ts'
import { openSession, readPage, root, type Session } from './session.ts'

/** The order in which they are pasted: the last ones change roles and take the server's time. */
const PAGES = [
  ...['start', 'publish', 'event-types', 'import', 'read', 'follow', 'receive', 'integrate'],
  ...['replay', 'files', 'collect', 'notifications', 'cli', 'console', 'apply', 'alerts'],
  ...[
    'api',
    'access',
    'changes',
    'sql',
    'troubleshoot',
    'architecture',
    'benchmarks',
    'contributing',
    'operate',
    'metrics',
  ],
].map((name) => `${name}.md`)

const database = useDatabase()
let session: Session

beforeAll(async () => {
  session = await openSession(() => database.adminUrl)
})
afterAll(() => session?.close())

it('are all of docs/', () => {
  const pages = readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'))
  expect(pages.sort()).toEqual([...PAGES].sort())
})

const pages = PAGES.map((page) => ({ page, ...readPage(`docs/${page}`) }))
const toPaste = pages.filter(({ pasted }) => pasted.length > 0)

describe.each(toPaste)('$page', ({ page, all, pasted }) => {
  beforeAll(async () => {
    // As a page alone is tried; start.md begins with it.
    if (page !== 'start.md') await session.start()
    session.openTerminal()
  })

  it.each(pasted.map((block) => [block.line, block] as const))('line %i', async (_, block) => {
    await session.paste(block)
    if (/^WEBHOOK_SECRET=/.test(block.text)) await tryReceiver(session)
  })

  const shown = all.filter(({ language }) => language === 'http')
  it.each(shown.map((block) => [block.line, block] as const))('line %i, on the wire', (_, block) =>
    tryRequest(session, block),
  )
})
