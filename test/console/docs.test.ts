// /docs and /asyncapi.json: the document is valid by AsyncAPI's own schema, and the page shows both
// documents without leaving the origin, in a real browser if there is one.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import specs from '@asyncapi/specs'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import { Compile } from 'typebox/schema'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { messageOf } from '../../src/destination/message.ts'
import { knownEventTypes } from '../../src/log/catalog.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { tellNotRun } from '../helpers/not-run.ts'

type Message = {
  name: string
  headers?: object
  payload: { allOf?: { deprecated?: boolean }[] }
}
type AsyncApi = {
  channels: Record<string, { messages: Record<string, object> }>
  components: { messages: Record<string, Message>; schemas: object }
}

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

const ask = async (resource: string, headers: Record<string, string> = {}) => {
  const answer = await request(service.url + resource, { headers })
  return { ...answer, text: await answer.body.text() }
}

describe('the AsyncAPI document', () => {
  it('is valid, and every reference of it leads somewhere', async () => {
    const { body } = await call<AsyncApi>(`${service.url}/asyncapi.json`, { token: null })
    const ajv = new Ajv({ strict: false, meta: false, validateSchema: false })
    formats.default(ajv)
    const isValid = ajv.compile(specs.schemas['3.0.0'] as object)
    expect(isValid(body) ? [] : isValid.errors).toEqual([])
    expect(isValid({ ...body, channels: [] })).toBe(false)
    const config = await createConfig({ extends: ['recommended'] })
    expect(await lintFromString({ source: JSON.stringify(body), config })).toEqual([])
  })

  it('has a message for each known event type, order.shipped deprecated', async () => {
    const { body } = await call<AsyncApi>(`${service.url}/asyncapi.json`, { token: null })
    const { collected_event: _, event_line: __, ...messages } = body.components.messages
    const names = Object.values(messages).map(({ name }) => name)
    expect(names).toEqual(knownEventTypes.map(({ name }) => name))
    const deprecated = Object.values(messages).filter(({ payload }) =>
      payload.allOf?.some((part) => part.deprecated),
    )
    expect(deprecated.map(({ name }) => name)).toEqual(['order.shipped'])
    expect(Object.keys(body.channels['webhook']?.messages ?? {})).toEqual(Object.keys(messages))
  })

  it('has no headers for the lines of files', async () => {
    const { body } = await call<AsyncApi>(`${service.url}/asyncapi.json`, { token: null })
    const names = Object.keys(body.channels['file']?.messages ?? {})
    expect(names.map((name) => body.components.messages[name]?.headers)).toEqual([undefined])
  })

  it.each(['order.created', 'order.2x', '2-order_.-x_', `${'o'.repeat(127)}.${'x'.repeat(127)}`])(
    'says of a message of %s in a queue what it is',
    async (name) => {
      const { body } = await call<AsyncApi>(`${service.url}/asyncapi.json`, { token: null })
      const { headers, payload } = body.components.messages['collected_event'] as Message
      const event = {
        tenant: 'dodici',
        position: 1,
        entityId: 'a',
        idempotencyKey: 'k',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        payload: '{}',
      }
      const sent = messageOf({ ...event, name, publishedAt: '2026-11-20T12:00:00.123456Z' })
      const { components } = body
      const isPayload = Compile({ ...payload, components })
      expect(isPayload.Errors(JSON.parse(sent.body))).toEqual([true, []])
      const attributes = Object.entries(sent.attributes).map(([key, { DataType, StringValue }]) => [
        key,
        DataType === 'Number' ? Number(StringValue) : StringValue,
      ])
      const isHeaders = Compile({ ...headers, components })
      expect(isHeaders.Check(Object.fromEntries(attributes))).toBe(true)
      for (const gone of attributes) {
        const rest = Object.fromEntries(attributes.filter((one) => one !== gone))
        // Not every event has a trace.
        expect(isHeaders.Check(rest), String(gone[0])).toBe(gone[0] === 'traceparent')
      }
    },
  )
})

describe('the page', () => {
  it('allows its own origin only, and has no script within it', async () => {
    const { headers, text } = await ask('/docs')
    expect(headers['content-security-policy']).toMatch(/^default-src 'self'; img-src 'self' data:/)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(text).not.toMatch(/<script(?![^>]*\bsrc=)|\bstyle=|\bon\w+=|https?:/)
  })

  it('refers to nothing that is not served, each with its type', async () => {
    const { text } = await ask('/docs')
    const paths = [...text.matchAll(/(?:href|src)="([^"#]+)"/g)].map(
      ([, resource]) => `/${resource}`,
    )
    expect(paths).toHaveLength(7)
    const types: Record<string, string> = {
      css: 'text/css; charset=utf-8',
      js: 'text/javascript; charset=utf-8',
      json: 'application/json; charset=utf-8',
      png: 'image/png',
    }
    for (const resource of paths) {
      const { statusCode, headers } = await ask(resource)
      const type = types[path.extname(resource).slice(1)]
      expect([resource, statusCode, headers['content-type']]).toEqual([resource, 200, type])
    }
  })

  it.each(['/docs', '/docs/docs.js', '/docs/swagger-ui.css', '/openapi.json', '/asyncapi.json'])(
    'has %s kept by who asks, who asks again whether it is still that',
    async (resource) => {
      const { headers, text } = await ask(resource)
      expect(headers).toMatchObject({
        'cache-control': 'no-cache',
        vary: 'accept-encoding',
        'x-content-type-options': 'nosniff',
      })
      expect(headers['content-encoding']).toBeUndefined()
      const known = { 'if-none-match': String(headers['etag']), 'accept-encoding': 'gzip' }
      const again = await ask(resource, known)
      expect([again.statusCode, again.text]).toEqual([304, ''])
      const other = await ask(resource, { 'if-none-match': '"another"' })
      expect([other.statusCode, other.text]).toEqual([200, text])
    },
  )

  it('has its files compressed for who takes that', async () => {
    const resource = `${service.url}/docs/swagger-ui-bundle.js`
    const whole = await request(resource)
    const less = await request(resource, { headers: { 'accept-encoding': 'br, gzip' } })
    expect(less.headers['content-encoding']).toBe('gzip')
    const bytes = Buffer.from(await less.body.arrayBuffer())
    expect(gunzipSync(bytes).equals(Buffer.from(await whole.body.arrayBuffer()))).toBe(true)
    expect(bytes.length).toBeLessThan(Number(whole.headers['content-length']) / 2)
    const icon = await ask('/docs/favicon-32x32.png', { 'accept-encoding': 'gzip' })
    expect(icon.headers['content-encoding']).toBeUndefined()
  })

  it('has no other files', async () => {
    for (const resource of ['docs.html', 'constructor', '..%2froutes.ts', 'package.json', '']) {
      expect((await ask(`/docs/${resource}`)).statusCode, resource).toBeGreaterThanOrEqual(400)
    }
  })

  it('is part of what an installation without the tools of developers has', () => {
    const root = path.join(import.meta.dirname, '../..')
    const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
    const swagger = lock.packages['node_modules/swagger-ui-dist']
    expect([swagger.dev, swagger.optional]).toEqual([undefined, undefined])
  })

  // Debian's chromium, which CI installs: without it this is not shown, and the run says so.
  if (spawnSync('chromium', ['--version']).status !== 0) {
    tellNotRun('chromium is not installed: /docs is not looked at in a browser')
    return
  }
  it('shows all of both documents in a browser, which has nothing to complain about', async () => {
    const { html, complaints } = await render(`${service.url}/docs`)
    expect(complaints).toEqual([])
    const paths = service.routes.map((route) => route.path.replace(/:(\w+)/g, '{$1}'))
    for (const resource of paths) expect(html).toContain(`data-path="${resource}"`)
    for (const { name, description } of knownEventTypes) {
      expect(html).toContain(`data-path="${name}"`)
      expect(html).toContain(`>${name}: ${description}`)
    }
  })
})

/** The page as a browser has it when all is loaded, and what its console says. */
async function render(url: string): Promise<{ html: string; complaints: string[] }> {
  const profile = mkdtempSync(path.join(os.tmpdir(), 'millrace-browser-'))
  const off = ['gpu', 'quic', 'background-networking', 'component-update', 'sync']
  const child = spawn('chromium', [
    ...['--headless', '--no-sandbox', '--no-first-run', ...off.map((what) => `--disable-${what}`)],
    ...[`--user-data-dir=${profile}`, '--enable-logging=stderr', '--virtual-time-budget=30000'],
    ...['--dump-dom', url],
  ])
  const printed = { html: '', log: '' }
  child.stdout.on('data', (piece) => {
    printed.html += piece
  })
  child.stderr.on('data', (piece) => {
    printed.log += piece
  })
  await new Promise((resolve) => child.once('close', resolve))
  rmSync(profile, { recursive: true, force: true })
  const complaints = printed.log.split('\n').filter((line) => line.includes('CONSOLE'))
  return { html: printed.html, complaints }
}
