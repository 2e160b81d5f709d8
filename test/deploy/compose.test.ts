// docker-compose.yml as compose's own library reads it (.ci/compose), for each size of machine.
// Nothing here runs a container: the settings of Postgres are tried on the embedded server.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { settingsOf } from './postgres-settings.ts'

const MIB = 1024 * 1024
const LOADER = '.ci/compose/compose'
/** The table of sizes in the manual, without spaces: the cells of each row. */
const table = readFileSync('docs/operate.md', 'utf8')
  .split('\n## Docker compose\n')[1]
  ?.match(/^\|.*\|$/gm)
  ?.map((row) => row.replaceAll(' ', '').split('|').slice(1, -1)) as string[][]

/** Without a file: 4 GiB. The smallest has no room for monitoring. */
const SIZES = [
  { memoryMiB: 1024, profile: '', envFile: 'ops/compose/1gib.env' },
  { memoryMiB: 4096, profile: 'monitoring', envFile: undefined },
  { memoryMiB: 16_384, profile: 'monitoring', envFile: 'ops/compose/16gib.env' },
]
/** For the system, docker, and files of Postgres that it caches. */
const FREE = 0.12

type Service = {
  image?: string
  command?: string[]
  environment?: Record<string, string>
  mem_limit: string
  read_only: boolean
  volumes?: { type: string; source: string }[]
}
type Project = { services: Record<string, Service> }

function readProject(profile: string, envFile?: string): Project {
  const options = [...(envFile ? ['--env-file', envFile] : []), '--profile', profile]
  const { stdout, stderr } = spawnSync(LOADER, [...options, 'docker-compose.yml'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

const isThere = existsSync(LOADER)
if (!isThere) tellNotRun(`docker-compose.yml: not read, there is no ${LOADER}; see .ci/run`)

describe.runIf(isThere).each(SIZES)('on $memoryMiB MiB', ({ memoryMiB, profile, envFile }) => {
  const { services } = isThere ? readProject(profile, envFile) : { services: {} }
  const memoryOf = (name: string) => Number(services[name]?.mem_limit) / MIB

  it('the containers leave room for the system', () => {
    const memories = Object.keys(services).map((name) => (name === 'migrate' ? 0 : memoryOf(name)))
    const sum = memories.reduce((total, memory) => total + memory)
    expect(sum).toBeGreaterThan(memoryMiB / 2)
    expect(sum).toBeLessThanOrEqual(memoryMiB * (1 - FREE))
    // The migration ends before the service starts.
    expect(memoryOf('migrate') + memoryOf('postgres')).toBeLessThanOrEqual(memoryMiB * (1 - FREE))
  })

  it('Postgres takes its settings, and has the memory for them', async () => {
    const [program, ...options] = services['postgres']?.command ?? []
    expect(program).toBe('postgres')
    const settings = await settingsOf(options)
    const given = options.map((option) => option.slice('--'.length).split('='))
    expect(given.length).toBeGreaterThan(5)
    for (const [name = '', value] of given) expect(settings.get(name)?.value).toBe(value)
    const bytesOf = (name: string) => settings.get(name)?.bytes ?? Number.NaN
    const memory = memoryOf('postgres') * MIB
    expect(bytesOf('shared_buffers')).toBeLessThanOrEqual(memory * 0.4)
    expect(bytesOf('effective_cache_size')).toBeLessThanOrEqual(memory)
    const connections = Number(settings.get('max_connections')?.value)
    expect(connections).toBeGreaterThanOrEqual(100)
  })
})

describe.runIf(isThere)('the manual', () => {
  const shownOf = (memoryMiB: number, setting: string) => {
    const column = table[0]?.indexOf(`${memoryMiB / 1024}GiB`) as number
    const row = table.find(([names]) => names?.includes(`\`${setting}\``))
    const place = row?.[0]?.split(',').indexOf(`\`${setting}\``)
    return row?.[column]?.split(',')[place ?? -1]
  }

  it.each(SIZES)('has the settings for $memoryMiB MiB', ({ memoryMiB, profile, envFile }) => {
    const { command = [] } = readProject(profile, envFile).services['postgres'] ?? {}
    const given = command.slice(1).map((option) => option.slice('--'.length).split('='))
    const sized = given.filter(([name]) => name !== 'wal_init_zero')
    const shown = sized.map(([name = '']) => [name, shownOf(memoryMiB, name)])
    expect(shown).toEqual(sized)
  })
})

describe.runIf(isThere)('every container', () => {
  const { services } = isThere ? readProject('monitoring') : { services: {} }
  const each = Object.entries(services)

  it('is that of an image by digest, or built here; and cannot write its files', () => {
    const names = ['grafana', 'migrate', 'millrace', 'postgres', 'prometheus']
    expect(each.map(([name]) => name).sort()).toEqual(names)
    const standard = Object.keys(readProject('').services)
    expect(standard.sort()).toEqual(['migrate', 'millrace', 'postgres'])
    for (const [, { image, read_only: isReadOnly }] of each) {
      expect(image ?? '@sha256:').toContain('@sha256:')
      expect(isReadOnly).toBe(true)
    }
  })
  it('is given files that there are, and settings of the program', () => {
    const volumes = each.flatMap(([, service]) => service.volumes ?? [])
    const files = volumes.flatMap(({ type, source }) => (type === 'bind' ? [source] : []))
    expect(files.length).toBeGreaterThan(5)
    expect(files.filter((file) => !existsSync(file))).toEqual([])
    const { DATABASE_URL_FILE: _, ...settings } = services['millrace']?.environment ?? {}
    const isFile = (name: string) => name.endsWith('_FILE')
    const plain = Object.entries(settings).filter(([name]) => !isFile(name))
    const config = readConfig(Object.fromEntries(plain))
    const prometheus = parse(readFileSync('ops/compose/prometheus.yml', 'utf8'))
    const targets = [`millrace:${config.MILLRACE_MONITOR_PORT}`]
    expect(prometheus.scrape_configs[0].static_configs).toEqual([{ targets }])
  })
})
