// The npm package as a stranger installs it: into an empty folder, with Node 22 and 24.

import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, publish } from '../../scripts/kit/client.ts'
import { withoutSettings } from '../../scripts/kit/environment.ts'
import { until } from '../../scripts/kit/until.ts'
import { pack } from '../../scripts/pack/pack.ts'
import { version } from '../../src/version.ts'
import { useDatabase } from '../helpers/database.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { useService } from '../helpers/service.ts'

const run = promisify(execFile)
const NODE_22 = '22.23.3'
const MOST_BYTES = 1024 * 1024
const QUIETLY = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']

const database = useDatabase()
const service = useService('serve', database)
const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-pack-'))
const installed = path.join(directory, 'lib/node_modules/millrace')
const main = path.join(installed, 'dist/main.js')
/** Prints what a process has loaded, when it ends. */
const spy = path.join(directory, 'spy.mjs')
const nodes = new Map([['24', process.execPath]])
let isInstalled = false

beforeAll(async () => {
  writeFileSync(
    spy,
    `import { registerHooks } from 'node:module'
    const urls = []
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) })
    process.on('exit', () => process.stderr.write(urls.join('\\n')))`,
  )
  const file = pack(directory)
  expect(statSync(file).size).toBeLessThan(MOST_BYTES)
  try {
    await run('npm', ['install', '--global', '--prefix', directory, ...QUIETLY, file])
    isInstalled = true
    const name = `node-${process.platform}-${process.arch}`
    await run('npm', ['install', '--prefix', directory, ...QUIETLY, `${name}@${NODE_22}`])
    nodes.set('22', path.join(directory, 'node_modules', name, 'bin/node'))
  } catch (error) {
    tellNotRun(`the npm package: not all of it was tried, ${(error as Error).message}`)
  }
}, 300_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const settings = (more: Record<string, string> = {}) => ({
  ...withoutSettings(process.env),
  XDG_CONFIG_HOME: directory,
  ...more,
})
const client = (more: Record<string, string> = {}) =>
  settings({
    MILLRACE_URL: service.url,
    MILLRACE_TOKEN: ADMIN_TOKEN,
    MILLRACE_TENANT: 'dodici',
    ...more,
  })

it('has code without types, SQL, a licence, and no Node', () => {
  const content = path.join(directory, 'package')
  const files = readdirSync(content, { recursive: true }) as string[]
  expect(files).toEqual(expect.arrayContaining(['LICENSE', 'sql/roles.sql', 'dist/main.js']))
  expect(files.filter((file) => file.startsWith('dist/') && file.endsWith('.ts'))).toEqual([])
  expect(files.filter((file) => file.startsWith('node_modules'))).toEqual([])
})

describe.each(['22', '24'])('with Node %s', (major) => {
  const node = () => nodes.get(major)

  it('knows its version', async () => {
    const program = node()
    if (!program || !isInstalled) return
    const { stdout } = await run(program, [main, '--version'], { env: settings() })
    expect(stdout).toBe(`${version}\n`)
  })

  it('finds events of a service, and loads no database driver for it', async () => {
    const program = node()
    if (!program || !isInstalled) return
    await publish(service.url, { key: `from-${major}`, payload: '{"a":25.080}' })
    const args = ['--import', spy, main, 'events', '--json', '--limit', '1']
    const { stdout, stderr } = await run(program, args, { env: client() })
    expect(stdout).toContain('"payload":{"a":25.080}')
    expect(stderr).toContain('dist/cli/events.js')
    expect(stderr.match(/node_modules\/(pg|kysely|graphile-worker|koa|@aws-sdk)\//g)).toBeNull()
  })

  it('starts a service with an embedded Postgres', async () => {
    const program = node()
    if (!program || !isInstalled) return
    const data = path.join(directory, `data-${major}`)
    const env = settings({ PORT: '0', MILLRACE_DATA_DIR: data })
    const started = spawn(program, [main, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = new Promise((resolve) => started.once('close', resolve))
    let output = ''
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk
      })
    }
    const [, url = ''] = await until('it is ready', () => {
      if (started.exitCode !== null) throw new Error(output)
      return /^millrace ready (\S+)$/m.exec(output)
    })
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect((await fetch(`${url}/docs`)).status).toBe(200)
    started.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
})
