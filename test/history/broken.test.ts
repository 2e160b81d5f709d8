// An integration that is broken in one of eleven ways: `integrations show` says in a sentence what
// is wrong and what to do, the doctor agrees, and a subscriber of alerts hears of it within 2 s.

import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { type NameServer, startNameServer } from '../../scripts/kit/name-server.ts'
import { type Answer, ok, type Received, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { commandsOn, useHome } from '../cli/running.ts'
import { useDatabase } from '../helpers/database.ts'
import { freePort } from '../helpers/free-port.ts'
import { useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
let names: NameServer
beforeAll(async () => {
  names = await startNameServer({ 'no-such-host.example': [] })
})
afterAll(() => names.close())
const service = useService('start', database, () => ({
  MILLRACE_RETRY_BASE_MS: '60000',
  ...names.environment,
}))
const home = useHome()
const { run } = commandsOn(service, home)
const answers: Record<string, Answer> = {
  '/500': status(500, {}, 'out of memory'),
  '/401': status(401),
  '/302': status(302, { location: 'https://new.example/events?token=x' }),
  '/404': status(404),
  '/silent': () => {},
  '/signed': (request, response) =>
    response.writeHead(isSigned(request, secretOf('other')) ? 200 : 401).end('bad signature'),
}
const target = useReceiver((request, response) =>
  (answers[request.url] as Answer)(request, response),
)
const listening = useReceiver(ok)
const certificate = (name: string) =>
  readFileSync(path.join(import.meta.dirname, `../fixtures/self-signed.${name}.pem`))
const withTls = https.createServer({ cert: certificate('cert'), key: certificate('key') })
let closedPort = 0

beforeAll(async () => {
  closedPort = await freePort()
  await new Promise<void>((resolve) => withTls.listen(0, '127.0.0.1', resolve))
})
afterAll(() => new Promise((resolve) => withTls.close(resolve)))

const secretOf = (text: string) => `whsec_${Buffer.from(text.padEnd(24, '.')).toString('base64')}`

function isSigned({ headers, body }: Received, secret: string): boolean {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const right = createHmac('sha256', key).update(signed).digest('base64')
  return String(headers['webhook-signature']).includes(right)
}

type Break = { url: () => string; says: RegExp; delivery?: object }

const at = (page: string) => () => target.url.replace(/\/$/, page)
const breaks: Record<string, Break> = {
  host: {
    url: () => 'http://no-such-host.example/',
    says: /Reason: .*no-such-host\.example.*: check the host of callback_url\./,
  },
  'name server': {
    url: () => 'http://nobody-answers.example/',
    says: /not resolve within 1500 ms.*: check the host of callback_url, and its name server\./,
  },
  port: {
    url: () => `http://127.0.0.1:${closedPort}/`,
    says: /ECONNREFUSED .*: nothing listens there; check the port of callback_url/,
  },
  path: { url: at('/404'), says: /not found \(.* 404\): check the path of callback_url\./ },
  tls: {
    url: () => `https://127.0.0.1:${(withTls.address() as AddressInfo).port}/`,
    says: /self-signed certificate: let the target show a valid certificate for this host\./,
  },
  'no-tls': {
    url: () => at('/404')().replace('http:', 'https:'),
    says: /Reason: wrong version number: check that the port of .* speaks TLS, or use http\./,
  },
  500: {
    url: at('/500'),
    says: /error \(.* 500\): look into the target's own log\..* Response: out of memory/,
  },
  401: { url: at('/401'), says: /unauthorized \(.* 401\): check api_key and the signing secret\./ },
  302: {
    url: at('/302'),
    says: /found \(.* 302\): .* not followed; set callback_url to https:\/\/new\.example\/events\./,
  },
  silent: {
    url: at('/silent'),
    delivery: { timeout_ms: 200 },
    says: /no complete answer within 200 ms: let the target answer first .* or raise timeout_ms\./,
  },
  signature: {
    url: at('/signed'),
    delivery: { signing_secret: secretOf('mine') },
    says: /401\): check api_key and the signing secret\..* Response: bad signature/,
  },
}

/** What a command and the doctor say of the integration `erp`, and what to do. */
async function toldOf(tenant: string) {
  const [shown, examined] = await Promise.all([
    run(['integrations', 'show', 'erp'], { MILLRACE_TENANT: tenant }),
    run(['doctor', '--json'], {
      MILLRACE_TENANT: tenant,
      DATABASE_URL: database.url,
      MILLRACE_DATA_DIR: home,
    }),
  ])
  const findings = examined.stdout.split('\n').filter(Boolean)
  const finding = findings
    .map((line): { state: string; message: string; remedy: string } => JSON.parse(line))
    .find(({ message }) => message.startsWith('integration erp: '))
  return { shown: shown.stdout.split('\n'), finding, status: examined.status }
}

it.each(Object.entries(breaks))('%s: what is wrong, and what to do', async (name, broken) => {
  const tenant = `broken-${name.replace(' ', '-')}`
  const entity_filter = ['millrace']
  await register(
    service.url,
    'on-call',
    listening.url,
    { filter_conditions: { entity_filter } },
    tenant,
  )
  const { delivery } = broken
  await register(service.url, 'erp', broken.url(), delivery ? { delivery } : {}, tenant)
  const key = `${name}`
  await publish(service.url, { tenant, name: 'order.created', key, payload: '{}' })
  const publishedAt = performance.now()
  const alert = await until('the alert arrives', () =>
    listening.received
      .map(({ body }) => JSON.parse(String(body)))
      .find((one) => one.tenant === tenant && one.name === 'millrace.integration_interrupted'),
  )
  // A silent name server has 1.5 s of it; this machine may be busy.
  expect(performance.now() - publishedAt).toBeLessThan(name === 'name server' ? 3_500 : 2_000)
  expect(alert.payload.reason).toMatch(/^Request to URL http.* failed\. Reason: /)
  const { shown, finding, status: examined } = await toldOf(tenant)
  const [head, message = '', remedy] = shown
  expect(head).toMatch(/^erp {2}failing {2}http/)
  expect(message).toMatch(/^ {2}Failing since .* with order\.created of order-1: Request to URL /)
  expect(message).toMatch(broken.says)
  expect(remedy).toMatch(/^ {2}To do: repair the target, or millrace integrations skip erp \d+ /)
  expect(finding).toMatchObject({
    state: 'fail',
    message: `integration erp: ${message.trim()}`,
    remedy: remedy?.trim(),
  })
  expect(examined).toBe(1)
})

it('a filter that takes nothing: it keeps up, and says to check the filter', async () => {
  const tenant = 'broken-filter'
  const filter_conditions = { event_filter: ['order.creatd'] }
  await register(service.url, 'erp', listening.url, { filter_conditions }, tenant)
  await publish(service.url, { tenant, name: 'order.created', key: '1', payload: '{}' })
  // The filter has no part in it that an imported one is passed over.
  const imported = { name: 'order.created', key: '2', payload: '{}' }
  await publish(service.url, { tenant, ...imported, headers: { live: 'false' } })
  const {
    shown,
    finding,
    status: examined,
  } = await until('it is counted', async () => {
    const told = await toldOf(tenant)
    return told.finding && told.shown[1]?.includes('filter') && told
  })
  const message =
    'It keeps up. Its filter has taken none of 1 event(s) since its last change: ' +
    'check the filter if you expect some.'
  expect(shown[1]).toBe(`  ${message}`)
  expect(finding).toMatchObject({
    state: 'warn',
    message: `integration erp: ${message}`,
    remedy: 'To do: check its filter with millrace integrations show erp',
  })
  expect(examined).toBe(0)
})
