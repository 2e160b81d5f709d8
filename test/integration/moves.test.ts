// An update that moves an integration to another origin: the stored secrets stay behind.

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { newSigningSecret } from '../../src/destination/sign.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const receiver = useReceiver()
const service = useService('start', database)

const { on, patch } = api(service)

describe('an update that moves the target to another origin', () => {
  const secret = 'a-key-that-stays'
  const headers = { 'x-key': 'a-header-that-stays' }
  const stopped = async (id: string, body: Record<string, unknown>) => {
    await register(service.url, id, receiver.url, body)
    await on(id, '/_stop', 'POST')
  }
  const refused = async (id: string, body: object, fields: string[]) => {
    const { status, body: problem } = await patch(id, body)
    expect({ status, code: problem['error_code'] }).toEqual({
      status: 400,
      code: 'invalid_request',
    })
    for (const field of fields) expect(problem['message']).toContain(`${field} must be set anew`)
    return String(problem['message'])
  }

  it('names the secrets of a webhook anew: the stored ones never reach it', async () => {
    const elsewhere = await startReceiver()
    const moved = { callback_url: elsewhere.url }
    const callback_parameters = { callback_url: receiver.url, api_key: secret }
    const delivery = { headers, signing_secret: newSigningSecret() }
    await stopped('moving', { callback_parameters, delivery })
    const [key, values] = ['callback_parameters.api_key', 'delivery.headers']
    const both = await refused('moving', { callback_parameters: moved }, [key, values])
    expect(both).not.toContain('signing_secret')
    const keyed = { callback_parameters: { ...moved, api_key: 'new' } }
    expect(await refused('moving', keyed, [values])).not.toContain(key)
    const headed = { callback_parameters: moved, delivery: { headers: {} } }
    expect(await refused('moving', headed, [key])).not.toContain(values)
    const timed = { callback_parameters: moved, delivery: { timeout_ms: 5_000 } }
    await refused('moving', timed, [key, values])

    // At the same origin they stay.
    const path = { callback_parameters: { callback_url: `${receiver.url}other?path` } }
    expect(await patch('moving', path)).toMatchObject({ status: 200 })
    const anew = { callback_parameters: { ...moved, api_key: '' }, delivery: { headers: {} } }
    expect(await patch('moving', anew)).toMatchObject({ status: 200 })
    await on('moving', '/_start', 'POST')
    await publish(service.url, { key: randomUUID(), payload: '{}' })
    const arrived = await until('it arrives', () => elsewhere.received[0])
    expect(arrived.headers).not.toHaveProperty('authorization')
    expect(arrived.headers).not.toHaveProperty('x-key')
    expect(arrived.headers).toHaveProperty('webhook-signature')
    await on('moving', '/_stop', 'POST')
    await elsewhere.close()
  })

  it('names the keys of a store anew, its endpoint coming, going or changing', async () => {
    const keys = { aws_access_key_id: 'AKIASTAYS', aws_secret_access_key: secret }
    const parameters = { aws_region: 'eu-west-1', bucket: 'files' }
    const names = Object.keys(keys).map((name) => `s3_parameters.${name}`)
    const body = { callback_parameters: undefined, s3_parameters: { ...keys, ...parameters } }
    await stopped('files', body)
    const update = (changes: object) => ({ s3_parameters: { ...parameters, ...changes } })
    await refused('files', update({ endpoint: receiver.url }), names)
    await refused('files', update({ aws_region: 'eu-west-2' }), names)
    expect(await patch('files', update({ bucket: 'others' }))).toMatchObject({ status: 200 })
    const half = update({ endpoint: receiver.url, aws_access_key_id: 'AKIANEW' })
    expect(await refused('files', half, names.slice(1))).not.toContain(names[0])
    const whole = update({ endpoint: receiver.url, ...keys })
    expect(await patch('files', whole)).toMatchObject({ status: 200 })
    await refused('files', update({ endpoint: 'http://127.0.0.1:9/' }), names)
  })

  it('names the keys of a store anew if its bucket is part of the host and changes', async () => {
    const keys = { aws_access_key_id: 'AKIASTAYS', aws_secret_access_key: secret }
    const names = Object.keys(keys).map((name) => `s3_parameters.${name}`)
    const parameters = { aws_region: 'eu-west-1', bucket: 'mine', endpoint: 'http://localhost:9/' }
    const body = { callback_parameters: undefined, s3_parameters: { ...keys, ...parameters } }
    await stopped('hosted', body)
    const update = (changes: object) => ({ s3_parameters: { ...parameters, ...changes } })
    await refused('hosted', update({ bucket: 'attacker' }), names)
    await refused('hosted', update({ force_path_style: true }), names)
    expect(await patch('hosted', update({ key_prefix: 'p' }))).toMatchObject({ status: 200 })
    const inPath = update({ force_path_style: true })
    const anew = { s3_parameters: { ...inPath.s3_parameters, ...keys } }
    expect(await patch('hosted', anew)).toMatchObject({ status: 200 })
    const other = { s3_parameters: { ...parameters, bucket: 'other' } }
    expect(await patch('hosted', other)).toMatchObject({ status: 200 })
    await refused('hosted', update({ force_path_style: false }), names)
  })
})
