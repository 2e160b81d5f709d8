// /docs: a page that shows the API documents, with Swagger UI from its package; /asyncapi.json. The
// page calls this service alone, and runs nothing but its own files.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Type } from 'typebox'
import { MillraceError } from '../errors.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { asyncApiText } from './asyncapi.ts'

const own = path.join(import.meta.dirname, 'public')
const swagger = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

/** What may be asked for, and where it is. */
const files: Record<string, { directory: string; type: string }> = {
  'docs.css': { directory: own, type: 'text/css' },
  'docs.js': { directory: own, type: 'text/javascript' },
  'favicon-32x32.png': { directory: swagger, type: 'image/png' },
  'swagger-ui.css': { directory: swagger, type: 'text/css' },
  'swagger-ui-bundle.js': { directory: swagger, type: 'text/javascript' },
}

// Its icons stand in the style sheet, as data.
const POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"

type Kept = { bytes: Buffer; etag: string }

const common = {
  method: 'get',
  scope: 'public',
  family: 'configuration',
  tag: 'Service',
} as const

/** The routes of what describes the service. */
export function documentRoutes(): Route[] {
  const keep = keeper()
  const asyncApi = Buffer.from(asyncApiText())
  const unchanged = { description: 'It is as `If-None-Match` says.' }

  return [
    {
      ...common,
      path: '/asyncapi.json',
      operationId: 'getAsyncApi',
      summary: 'What is delivered, as an AsyncAPI document.',
      responses: {
        200: {
          description: 'AsyncAPI 3.',
          schema: Type.Object(
            { asyncapi: Type.String({ examples: ['3.0.0'] }) },
            { title: 'AsyncApiDocument', additionalProperties: true },
          ),
        },
      },
      handle(context) {
        context.type = 'application/json'
        context.body = asyncApi
      },
    },
    {
      ...common,
      path: '/docs',
      operationId: 'getDocs',
      summary: 'A page that shows both documents.',
      responses: {
        200: {
          description: 'HTML.',
          types: ['text/html'],
          schema: Type.String({ title: 'DocsPage', examples: ['<!doctype html>'] }),
        },
      },
      handle(context) {
        context.set('content-security-policy', POLICY)
        context.type = 'text/html'
        context.body = keep(path.join(own, 'docs.html')).bytes
      },
    },
    {
      ...common,
      path: '/docs/:file',
      operationId: 'getDocsFile',
      summary: 'A file of that page.',
      parameters: [
        {
          in: 'path',
          name: 'file',
          description: 'Its name.',
          required: true,
          schema: Type.Enum(Object.keys(files)),
          example: 'docs.css',
        },
      ],
      responses: {
        200: {
          description: 'The file.',
          types: [...new Set(Object.values(files).map(({ type }) => type))],
          headers: ['etag'],
          schema: Type.String({ title: 'DocsFile', examples: ['body { margin: 0 }'] }),
        },
        304: unchanged,
        404: { description: 'There is no such file.' },
      },
      handle(context) {
        const name = context.params['file'] as string
        const file = Object.hasOwn(files, name) ? files[name] : undefined
        if (!file) throw new MillraceError('not_found', 'There is no such file.')
        sendFile(context, keep(path.join(file.directory, name)), file.type)
      },
    },
  ]
}

function sendFile(context: RequestContext, { bytes, etag }: Kept, type: string): void {
  context.status = 200
  context.set({
    etag,
    'cache-control': 'public, max-age=3600',
    'x-content-type-options': 'nosniff',
  })
  context.type = type
  if (context.fresh) context.status = 304
  else context.body = bytes
}

/** Reads each file once: anybody may ask for it, and often. */
function keeper(): (file: string) => Kept {
  const kept = new Map<string, Kept>()
  return (file) => {
    const known = kept.get(file)
    if (known) return known
    const bytes = readFileSync(file)
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    kept.set(file, { bytes, etag })
    return { bytes, etag }
  }
}
