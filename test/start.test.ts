// What a start loads: no more than it needs to be ready.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')

/** Loads the parts of `millrace start`, and prints how many files of each package that took. */
const script = `
  import { registerHooks } from 'node:module'
  const files = {}
  registerHooks({
    load(url, context, next) {
      const [, name = 'none'] = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url) ?? []
      files[name] = (files[name] ?? 0) + 1
      return next(url, context)
    },
  })
  for (const name of ['run', 'server', 'worker']) await import('./src/' + name + '.ts')
  console.log(JSON.stringify(files))`

/** The files loaded, by package; those of this repository under "none". */
function loaded(): Record<string, number> {
  const program = ['--input-type=module', '--eval', script]
  const { stdout } = spawnSync(process.execPath, program, { cwd: root, encoding: 'utf8' })
  return JSON.parse(stdout)
}

it('loads no client of AWS, no parser, no compiler of schemas, and nothing that sends', () => {
  const files = loaded()
  expect(files['kysely']).toBeGreaterThan(0)
  const later = ['undici', 'jose', 'graphile-worker', 'swagger-ui-dist']
  expect(Object.keys(files).filter((name) => /^@(aws|smithy)/.test(name))).toEqual([])
  expect(Object.keys(files).filter((name) => later.includes(name))).toEqual([])
  // The builders of schemas alone; the compiler and the conversions are 300 more.
  expect(files['typebox']).toBeLessThan(400)
})
