// millrace keys, as a process against the service.

import { execFile } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { PROGRAM } from '../../scripts/kit/program.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { startHere } from './callers.ts'

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

function millrace(
  args: string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  const env = { MILLRACE_URL: `${service.url}/`, MILLRACE_TOKEN: ADMIN_TOKEN, ...environment }
  return new Promise((resolve) => {
    const all = [PROGRAM, 'keys', ...args]
    execFile(process.execPath, all, { env: { PATH: '', ...env } }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    )
  })
}

describe('millrace keys', () => {
  it('creates, lists and revokes', async () => {
    const wish = ['--name', 'shop', '--tenant', 'dodici', '--scope', 'read', '--scope', 'publish']
    const bounds = ['--team', 'a', '--service', 'b', '--event-name', 'order.*']
    const created = await millrace(['create', ...wish, ...bounds])
    expect(created).toMatchObject({ code: 0, err: expect.stringContaining('not shown again') })
    const token = created.out.trim()
    const [, id = ''] = token.split('_')
    expect((await call(service.url + EVENTSTREAM, { token })).status).toBe(200)

    const { out } = await millrace(['list', '--tenant', 'dodici'])
    for (const part of [id, 'active', 'shop', 'read,publish', 'order.*'])
      expect(out).toContain(part)
    expect(out).not.toContain(token)
    expect(await millrace(['list', '--tenant', 'other'])).toEqual({
      code: 0,
      out: '',
      err: 'There are no keys.\n',
    })

    expect(await millrace(['revoke', id, '--yes'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('revoked'),
    })
    expect((await call(service.url + EVENTSTREAM, { token })).status).toBe(401)
  })

  it('ends with a status that says what is wrong', async () => {
    for (const wrong of [['make'], ['create'], ['list', '--colour'], ['revoke'], ['revoke', 'x']]) {
      expect(await millrace(wrong)).toMatchObject({ code: 2, out: '' })
    }
    const create = ['create', '--name', 'x', '--tenant', 'dodici', '--scope']
    expect(await millrace([...create, 'read', 'all'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('Allowed choices are publish, read, configure, admin.'),
    })
    expect(await millrace([...create, 'read', '--expires-at', 'soon'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^expires_at must be a time/),
    })
    expect(await millrace(['revoke', 'x', '--yes'])).toMatchObject({
      code: 3,
      err: expect.stringMatching(/^There is no API key/),
    })
    const nowhere = { MILLRACE_URL: 'http://127.0.0.1:1' }
    expect(await millrace(['list'], nowhere)).toMatchObject({
      code: 5,
      err: expect.stringMatching(
        /does not answer: .*\. Start the service, or set MILLRACE_URL\.$/m,
      ),
    })
    const untold = { MILLRACE_TOKEN: '', MILLRACE_DATA_DIR: '/nowhere' }
    expect(await millrace(['list'], untold)).toMatchObject({
      code: 4,
      err: expect.stringContaining('set MILLRACE_TOKEN'),
    })
    expect(await millrace(['list'], { MILLRACE_URL: 'shop' })).toMatchObject({ code: 2 })
  })
})
