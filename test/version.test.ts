// One version: package.json's, by --version and in the documents of the API.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { useDatabase } from './helpers/database.ts'
import { useService } from './helpers/service.ts'

const root = path.resolve(import.meta.dirname, '..')
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))

const database = useDatabase()
const service = useService('serve', database)

it('is told by --version', () => {
  const { stdout, status } = spawnSync(
    process.execPath,
    [path.join(root, 'src/main.js'), '--version'],
    { encoding: 'utf8' },
  )
  expect({ stdout, status }).toEqual({ stdout: `${version}\n`, status: 0 })
})

it.each(['/openapi.json', '/asyncapi.json'])('stands in %s', async (document) => {
  const { info } = (await (await fetch(service.url + document)).json()) as {
    info: { version: string }
  }
  expect(info.version).toBe(version)
})
