// Jobs without a sender: none is created or switched on, and a sender that jobs need stays.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../../scripts/kit/client.ts'
import { aJob, JOBS } from '../../../scripts/kit/jobs.ts'
import { WITHOUT_SENDER } from '../../../scripts/kit/program.ts'
import type { Server } from '../../../src/server.ts'
import { startHere } from '../../access/callers.ts'
import { useDatabase } from '../../helpers/database.ts'

const database = useDatabase()
const SENDER = '/api/v1/notification-sender'
let service: Server
beforeAll(async () => {
  service = await startHere(database.url, WITHOUT_SENDER)
})
afterAll(() => service.stop())

const ask = (path: string, method: string, body?: object) =>
  call(service.url + path, { method, ...(body ? { body: JSON.stringify(body) } : {}) })
const create = (change: object) => ask(JOBS, 'POST', aJob(change))
const set = (id: string, change: object) => ask(`${JOBS}/${id}`, 'PUT', change)
const sender = { api_key: 'SG.key', from_email: 'shop@example.com', url: 'http://127.0.0.1:9' }
const refused = {
  status: 409,
  body: {
    error_code: 'conflict',
    message: expect.stringMatching(
      /^There is no sender: .*MILLRACE_SENDGRID_FROM .*PUT \/api\/v1\/notification-sender/,
    ),
  },
}

describe('without a sender', () => {
  it('a job is created only if it is not active, and says what to do', async () => {
    expect(await create({ id: 'active' })).toMatchObject(refused)
    expect((await ask(`${JOBS}/active`, 'GET')).status).toBe(404)
    expect((await create({ id: 'off', is_active: false })).status).toBe(201)
    expect((await create({ id: 'deleted', deleted: true })).status).toBe(201)
  })

  it('a job is not switched on or brought back, but may be changed', async () => {
    expect(await set('off', { is_active: true })).toMatchObject(refused)
    expect(await set('deleted', { deleted: false })).toMatchObject(refused)
    expect((await ask(`${JOBS}/off`, 'GET')).body).toMatchObject({ is_active: false })
    expect((await set('off', { template_id: 'd-2' })).status).toBe(200)
    expect(await ask(`${JOBS}/off/_test`, 'POST', { email: 'me@example.com' })).toMatchObject(
      refused,
    )
  })

  it('a job that was active before may be changed, and switched off', async () => {
    expect((await ask(SENDER, 'PUT', sender)).status).toBe(200)
    expect((await set('off', { is_active: true })).status).toBe(200)
    await database.pool.query('delete from notification_sender')
    expect((await set('off', { template_id: 'd-3' })).status).toBe(200)
    expect((await set('off', { is_active: false })).status).toBe(200)
    expect(await set('off', { is_active: true })).toMatchObject(refused)
  })
})

describe('a sender', () => {
  it('stays while an active job needs it, and the refusal names the job', async () => {
    await ask(SENDER, 'PUT', sender)
    await set('off', { is_active: true })
    expect(await ask(SENDER, 'DELETE')).toMatchObject({
      status: 409,
      body: {
        message: expect.stringMatching(/^Active jobs need this sender.*: off\. Set is_active/),
      },
    })
    expect((await ask(SENDER, 'GET')).status).toBe(200)
    await set('off', { is_active: false })
    expect((await ask(SENDER, 'DELETE')).status).toBe(204)
    expect((await ask(SENDER, 'DELETE')).status).toBe(404)
  })

  it('goes at any time if the operator has one', async () => {
    const other = await startHere(database.url)
    await ask(SENDER, 'PUT', sender)
    await set('off', { is_active: true })
    const gone = await call(other.url + SENDER, { method: 'DELETE' })
    await other.stop()
    expect(gone.status).toBe(204)
  })
})
