// What a person at a terminal sees: questions, colours, progress, and what Ctrl-C does.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { commandsOn, useHome } from './running.ts'
import { hasTerminal, startOnTerminal } from './terminal.ts'

const service = useService('start', useDatabase())
const receiver = useReceiver()
const { on } = api(service)
const home = useHome()
const commands = commandsOn(service, home)
const GREEN = '\u001b[32m'
const RED = '\u001b[31m'
const type = (args: string[], more = {}) =>
  startOnTerminal(args, { ...commands.environment(), ...more })

beforeAll(async () => {
  await register(service.url, 'erp-1', receiver.url)
  await publish(service.url, { key: 'key-1', payload: '{"n":1}' })
})

describe.runIf(hasTerminal)('on a terminal', () => {
  it('health has colours, unless NO_COLOR is set', async () => {
    const coloured = type(['integrations'])
    expect(await coloured.ended).toBe(0)
    expect(coloured.output()).toContain(`${GREEN}erp-1  ok  `)
    const plain = type(['integrations'], { NO_COLOR: '1' })
    await plain.ended
    expect(plain.output()).toMatch(/^erp-1 {2}ok {2}/)
  })
  it('a deletion asks first', async () => {
    await register(service.url, 'erp-2', receiver.url)
    const question = 'Delete the integration erp-2? [y/N] '
    for (const [answer, ended, found] of [
      ['n\r', 1, 200],
      ['\x03', 1, 200],
      ['y\r', 0, 404],
    ] as const) {
      const deletion = type(['integrations', 'delete', 'erp-2'])
      await until('it asks', () => deletion.output().includes(question))
      deletion.type(answer)
      expect([answer, await deletion.ended]).toEqual([answer, ended])
      expect((await on('erp-2')).status).toBe(found)
    }
  })
  it('a replay is shown, and Ctrl-C offers to cancel it', async () => {
    await on('erp-1', '/_stop', 'POST')
    const replay = type(['replay', 'erp-1', '--from', 'today'])
    await until('it asks', () => replay.output().includes('Send 1 event from'))
    replay.type('y\r')
    await until('it shows how far it is', () =>
      /\[-{24}\] {3}0 % {2}0 of 1 delivered, 0 rejected.*waiting/.test(replay.output()),
    )
    replay.type('\x03')
    await until('it offers', () => replay.output().includes('It goes on. Cancel it? [y/N] '))
    replay.type('y\r')
    expect(await replay.ended).toBe(0)
    expect(await on('erp-1', '/replays/1')).toMatchObject({ body: { state: 'cancelled' } })

    const next = type(['replay', 'erp-1', '--from', 'today', '--yes'])
    await until('it waits', () => next.output().includes('waiting'))
    next.type('\x03')
    await until('it offers', () => next.output().includes('Cancel it?'))
    next.type('\r')
    expect(await next.ended).toBe(0)
    expect(next.output()).toContain('It goes on: millrace replay show erp-1 2 --watch, or')
    expect(await on('erp-1', '/replays/2')).toMatchObject({ body: { state: 'waiting' } })
  })
  it('a file that is published has a progress bar', async () => {
    const file = path.join(home, 'many')
    const line = (n: number) =>
      `{"name":"a.b","entity_id":"${n}","idempotency_key":"${n}","payload":{}}`
    writeFileSync(file, Array.from({ length: 2_000 }, (_, n) => line(n)).join('\n'))
    const publishing = type(['publish', file, '--team', 'a', '--service', 'b'])
    expect(await publishing.ended).toBe(0)
    expect(publishing.output()).toMatch(/\[#+-*\] +\d+ % {2}\d+ published, 0 known before/)
    expect(publishing.output()).toContain('2000 published, 0 known before, 0 refused.\r\n')
  })
  it('forwarded events are a table with counts', async () => {
    const local = type(['listen', '--forward', receiver.url])
    await until('it is connected', () => local.output().includes('Ctrl-C to end'))
    receiver.answer = status(500)
    await publish(service.url, { key: 'key-2', payload: '{"n":2}' })
    await until('the row of a failure', () => local.output().includes('500 after'))
    receiver.answer = status(200)
    await until('the counts', () => local.output().includes('1 delivered, 0 rejected, 1 failed'))
    expect(local.output()).toMatch(/published {5}event {27}entity {20}answer\r\n/)
    expect(local.output()).toMatch(
      RegExp(`${RED.replace('[', '\\[')}[\\d:.]{12} {2}order\\.created {19}order-1 {19}500 after`),
    )
    local.type('\x03')
    expect(await local.ended).toBe(0)
  })
  it('forwarded events may go to a receiver of the command', async () => {
    const local = type(['listen', '--forward'])
    await until('it is connected', () => local.output().includes('Ctrl-C to end'))
    await publish(service.url, { key: 'key-3', payload: '{"n":3}' })
    await until('it arrives', () =>
      /received [\d.]+ ms after publishing: .*"n":3/.test(local.output()),
    )
    await until('the row', () => local.output().includes('200 after'))
    local.type('\x03')
    expect(await local.ended).toBe(0)
  })
})
