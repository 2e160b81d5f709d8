// The files of the console as they are served: a page with a strict policy, and files that never
// change under their paths.

import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

const ask = async (resource: string, headers: Record<string, string> = {}) => {
  const answer = await request(service.url + resource, { headers })
  return { ...answer, bytes: Buffer.from(await answer.body.arrayBuffer()) }
}

describe('the page', () => {
  it('runs its own files and one map of imports, and nothing else', async () => {
    const { headers, bytes } = await ask('/console')
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/)
    const html = bytes.toString()
    expect(html.match(/<script(?![^>]*src=)[^>]*>/g)).toEqual(['<script type="importmap">'])
    expect(html).not.toMatch(/\bstyle=|\bon\w+=|https?:/)
    expect(headers['cache-control']).toBe('no-cache')
  })

  it('refers to nothing that is not served, each with its type and for ever', async () => {
    const { bytes } = await ask('/console')
    const html = bytes.toString()
    const map = JSON.parse(/<script type="importmap">(.*)<\/script>/.exec(html)?.[1] ?? '')
    const referred = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, name]) => name as string)
    const paths = [...new Set([...referred, ...(Object.values(map.imports) as string[])])]
    expect(paths.length).toBeGreaterThan(30)
    const types: Record<string, string> = {
      '.css': 'text/css; charset=utf-8',
      '.js': 'text/javascript; charset=utf-8',
      '.mjs': 'text/javascript; charset=utf-8',
      '.svg': 'image/svg+xml',
    }
    for (const name of paths) {
      const resource = path.posix.join('/', name)
      const { statusCode, headers } = await ask(resource)
      expect([resource, statusCode, headers['content-type']]).toEqual([
        resource,
        200,
        types[path.extname(name)],
      ])
      expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
    }
    const main = await ask(path.posix.join('/', paths.find((one) => /main\.js/.test(one)) ?? ''), {
      'accept-encoding': 'gzip',
    })
    expect(main.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(main.bytes).toString()).toContain('render(')
  })

  it.each([
    '/console/0000000000000000/app/main.js',
    '/console/x/app/..%2f..%2froutes.ts',
    '/console/',
  ])('has no other files: %s', async (resource) => {
    expect((await ask(resource)).statusCode).toBeGreaterThanOrEqual(400)
  })
})

describe('the root', () => {
  it('is the console for a browser, and nothing for others', async () => {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
    const root = await ask('/', { accept })
    const page = await ask('/console')
    expect(root.bytes.equals(page.bytes)).toBe(true)
    const policy = 'content-security-policy'
    expect(root.headers[policy]).toBe(page.headers[policy])
    for (const other of ['*/*', 'application/json']) {
      expect((await ask('/', { accept: other })).statusCode).toBe(404)
    }
  })
})
