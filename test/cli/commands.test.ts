// The command line as a process: its help, what it refuses with 2, and failures in words.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { databaseUrl, query } from '../../scripts/kit/postgres.ts'
import { type Ended, OPEN_SERVICE, startProgram } from '../../scripts/kit/program.ts'
import { REBUILD_HELP } from '../../src/cli/rebuild.ts'
import { listScripts } from '../../src/cli/sql.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()

function millrace(args: string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return startProgram(args, { MILLRACE_LOG_LEVEL: 'warn', ...environment }).ended
}

function newDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

describe('--help', () => {
  it.each([['--help'], ['help'], ['-h'], ['migrate --help'], ['start -h']])(
    'of "%s" is the list of commands',
    async (line) => {
      const { status, stdout, stderr } = await millrace(line.split(' '))
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toMatch(/^millrace <command>\n.*\n {2}rotate-secrets {3}reseal/s)
    },
  )
  it.each([
    ['rebuild -h', REBUILD_HELP],
    ['sql --help', listScripts()],
    ['help sql', listScripts()],
    ['help integrations', 'Usage: millrace integrations [options] [command]'],
    ['help integrations skip', 'Usage: millrace integrations skip [options] <id> <position>'],
    ['--help login', 'Usage: millrace login [options]'],
    ['help start', 'millrace <command>'],
  ])('of "%s" is its own', async (line, help) => {
    const { status, stdout, stderr } = await millrace(line.split(' '))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain(help)
  })
})

describe('the command line', () => {
  it.each([
    ['start extra', 'millrace start takes no arguments: --help.'],
    ['migrate now', 'millrace migrate takes no arguments: --help.'],
    ['--version now', 'millrace version takes no arguments: --help.'],
    ['listen 9099 9100', 'too many arguments. Expected 1 argument but got 2: 9099, 9100.'],
    ['listen --from today', '--from belongs to --forward.'],
    ['listen 99999', '99999 is not a port.'],
    ['frob', 'There is no command frob.'],
    ['help frob', 'There is no command frob.'],
    ['toString', 'There is no command toString.'],
    ['rebuild dodici', 'There is no `dodici`.'],
    ['rebuild config --aply', 'There is no `--aply`.'],
  ])('"%s" ends with 2: %s', async (line, problem) => {
    const { status, stdout, stderr } = await millrace(line.split(' '))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr.split('\n')[0]).toBe(problem)
  })
})

describe('a command that reads', () => {
  const problem =
    'This database has no tables of Millrace: ' +
    'start the service first, or set DATABASE_URL or MILLRACE_DATA_DIR.\n'

  it.each(['sql ops/lag', 'rebuild config', 'rotate-secrets'])(
    '"%s" makes nothing if there is no data directory',
    async (line) => {
      const dataDir = path.join(newDirectory(), 'data')
      const { status, stderr } = await millrace(line.split(' '), { MILLRACE_DATA_DIR: dataDir })
      expect({ status, stderr }).toEqual({ status: 1, stderr: problem })
      expect(existsSync(dataDir)).toBe(false)
    },
  )
  it('refuses a database without tables', async () => {
    const name = `test_empty_${process.pid}`
    await query(inject('serverUrl'), `create database ${name} template template0`)
    const url = databaseUrl(inject('serverUrl'), name)
    const { status, stderr } = await millrace(['sql', 'ops/lag'], { DATABASE_URL: url })
    await query(inject('serverUrl'), `drop database ${name}`)
    expect({ status, stderr }).toEqual({ status: 1, stderr: problem })
  })
})

it('migrate says that nothing is left to do', async () => {
  const { status, stdout, stderr } = await millrace(['migrate'], {
    DATABASE_URL: database.adminUrl,
  })
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: 'The schema is up to date.\n',
    stderr: '',
  })
})

describe('a port that is in use', () => {
  const taken = createServer()
  beforeAll(() => new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve)))
  afterAll(() => new Promise((resolve) => taken.close(resolve)))
  const port = () => String((taken.address() as AddressInfo).port)

  it('ends a start with what to do, and nothing else', async () => {
    const environment = { ...OPEN_SERVICE, DATABASE_URL: database.adminUrl, PORT: port() }
    const { status, stdout, stderr } = await millrace(['start'], environment)
    const problem = `Port ${port()} of 127.0.0.1 is in use: end the other process, or set PORT.\n`
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: problem })
  })
  it('ends a receiver with what to do', async () => {
    const { status, stderr } = await millrace(['listen', port()])
    const other = `name another: millrace listen ${Number(port()) + 1}`
    const problem = `Port ${port()} of 127.0.0.1 is in use: end the other process, or ${other}.\n`
    expect({ status, stderr }).toEqual({ status: 1, stderr: problem })
  })
})
