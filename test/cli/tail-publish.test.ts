// millrace tail and millrace publish, alone and as a pipe that copies a log to another service.

import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ADMIN_TOKEN } from '../../scripts/kit/client.ts'
import { PROGRAM } from '../../scripts/kit/program.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'
import { commandsOn, useHome } from './running.ts'

const COPIED = 3_000
const from = useService('start', useDatabase())
// Slow, so that Ctrl-C comes in the middle.
const to = useService('start', useDatabase(), () => ({ MILLRACE_PUBLISH_RATE: '400' }))
const home = useHome()
const source = commandsOn(from, home)
const copy = commandsOn(to, home)
const spelling = '{"n":1.50,"big":12345678901234567890}'
const file = (name: string, names: string[], payload = spelling) => {
  const lines = names.map(
    (id) =>
      `{"name":"copy.made","entity_id":"${id}","idempotency_key":"${id}","payload":${payload}}\n`,
  )
  writeFileSync(path.join(home, name), lines.join(''))
  return path.join(home, name)
}
const publishing = ['--team', 'a', '--service', 'b']
const listed = async (commands: typeof source) => {
  const list = ['events', '--json', '--order', 'asc', '--name', 'copy.made', '--limit', '100000']
  const { stdout } = await commands.run(list)
  return stdout.split('\n').filter((line) => line !== '')
}

describe('millrace publish', () => {
  it('publishes each line once, and names those that are refused', async () => {
    const first = await source.run(['publish', file('two', ['a', 'b']), ...publishing])
    expect(first).toEqual({
      status: 0,
      stdout: '',
      stderr: '2 published, 0 known before, 0 refused.\n',
    })
    writeFileSync(path.join(home, 'bad'), `${readFileSync(path.join(home, 'two'), 'utf8')}\nnone\n`)
    const again = await source.run(['publish', path.join(home, 'bad'), ...publishing])
    expect(again.status).toBe(1)
    expect(again.stderr).toMatch(/^line 4: invalid_request: .*\n0 published, 2 known before, 1 re/)
  })
})

describe('millrace tail', () => {
  it('prints what is published, and goes on where it was ended', async () => {
    const state = path.join(home, 'state')
    const tail = source.start(['tail', '--json', '--from', 'today', '--state', state])
    await until('it prints both', () => tail.output().match(/"position"/g)?.length === 2)
    tail.process.kill('SIGINT')
    expect(await tail.ended).toMatchObject({ status: 0, stderr: '' })
    expect(tail.output()).toContain(spelling)
    const hostile = '{"a":"\\u001b[31m\u009b"}'
    await source.run(['publish', file('third', ['c'], hostile), ...publishing])
    const next = source.start(['tail', '--state', state])
    await until('it prints the third alone', () => next.output().includes('copy.made  c  '))
    expect(next.output()).not.toContain('copy.made  a')
    expect(next.output()).not.toContain('\u009b')
    next.process.kill('SIGINT')
    expect((await next.ended).status).toBe(0)
  })
})

it('a pipe of both copies a log, each event once, over a Ctrl-C', async () => {
  const ids = Array.from({ length: COPIED }, (_, n) => `many-${n}`)
  await source.run(['publish', file('many', ids), ...publishing])
  const all = await listed(source)
  expect(all).toHaveLength(COPIED + 3)
  const pipe = () =>
    spawn(
      'bash',
      [
        '-c',
        `"$NODE" "$PROGRAM" tail --url "$FROM" --from today --json |
         "$NODE" "$PROGRAM" publish --url "$TO"`,
      ],
      {
        env: {
          PATH: process.env['PATH'],
          NODE: process.execPath,
          PROGRAM,
          FROM: from.url,
          TO: to.url,
          MILLRACE_TOKEN: ADMIN_TOKEN,
          MILLRACE_TENANT: 'dodici',
          XDG_CONFIG_HOME: home,
        },
        detached: true,
        stdio: 'ignore',
      },
    )
  const first = pipe()
  await until('some are copied', async () => (await listed(copy)).length > 0)
  process.kill(-(first.pid as number), 'SIGINT')
  await until('it has ended', () => first.exitCode !== null || first.signalCode !== null)
  expect((await listed(copy)).length).toBeLessThan(all.length)
  const second = pipe()
  await until('all are copied', async () => (await listed(copy)).length >= all.length)
  process.kill(-(second.pid as number), 'SIGINT')
  await until('it has ended', () => second.exitCode !== null || second.signalCode !== null)
  const withoutPosition = (line: string) => line.slice(line.indexOf('"name"'))
  expect((await listed(copy)).map(withoutPosition)).toEqual(all.map(withoutPosition))
})

describe('millrace publish --name', () => {
  const one = ['--name', 'order.placed', '--entity-id', 'Größe 1', '--key', 'one', ...publishing]
  it('publishes one event, whose payload is the file, byte for byte', async () => {
    const payload = path.join(home, 'payload.json')
    writeFileSync(payload, '{\n  "n": 1.50\n}\n')
    const published = await source.run(['publish', payload, ...one, '--order-id', 'order-1'])
    expect(published).toMatchObject({ status: 0, stderr: '' })
    const [, position = ''] = /^published at (\d+)\n$/.exec(published.stdout) ?? []
    const again = await source.run(['publish', payload, ...one, '--order-id', 'order-1'])
    expect(again.stdout).toBe(`was published before, at ${position}\n`)
    const { stdout } = await source.run(['events', '--order-id', 'order-1', '--json'])
    expect(stdout).toContain('"entity_id":"Größe 1"')
    // An answer of lines has each event on one.
    expect(stdout).toContain('"payload":{   "n": 1.50 }')
  })
  it('names what is missing, and what the service refuses', async () => {
    const { status, stderr } = await source.run(['publish', '/dev/null', '--name', 'a.b'])
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'With --name, --entity-id, --team and --service are required.\n',
    })
    const refused = await source.run(['publish', '/dev/null', ...one])
    expect(refused).toMatchObject({ status: 1, stdout: '' })
  })
})
