// /console: the page for people. /docs: a page that shows the API documents, with Swagger UI from
// its package; /asyncapi.json. The pages call only this service, and run only its own files.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Type } from 'typebox'
import { MillraceError } from '../errors.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { type StaticBody, sendStatic, staticBody, unchanged } from '../http/static-body.ts'
import { ruled } from '../input/pattern.ts'
import { asyncApiText } from './asyncapi.ts'
import { FOLDERS, readConsoleFiles, TYPES } from './files.ts'
import { consolePage } from './page.ts'

const own = path.join(import.meta.dirname, 'public')
const swagger = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

/** The public files, and their directories. */
const files: Record<string, { directory: string; type: string }> = {
  'docs.css': { directory: own, type: 'text/css' },
  'docs.js': { directory: own, type: 'text/javascript' },
  'favicon-32x32.png': { directory: swagger, type: 'image/png' },
  'swagger-ui.css': { directory: swagger, type: 'text/css' },
  'swagger-ui-bundle.js': { directory: swagger, type: 'text/javascript' },
}

// Its icons are in the style sheet, as data URLs.
const POLICY =
  "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; " +
  "form-action 'none'"

const common = {
  method: 'get',
  scope: 'public',
  family: 'configuration',
  tag: 'Service',
} as const

/** The routes of the documents that describe the service. */
function documentRoutes(): Route[] {
  const read = createFileCache()
  let asyncApi: StaticBody | undefined

  return [
    {
      ...common,
      path: '/asyncapi.json',
      operationId: 'getAsyncApi',
      summary: 'The deliveries, as an AsyncAPI document.',
      responses: {
        ...unchanged,
        200: {
          description: 'AsyncAPI 3.',
          headers: ['etag'],
          schema: Type.Object(
            { asyncapi: Type.String({ examples: ['3.0.0'] }) },
            { title: 'AsyncApiDocument', additionalProperties: true },
          ),
        },
      },
      handle(context) {
        asyncApi ??= staticBody('application/json', asyncApiText())
        return sendStatic(context, asyncApi)
      },
    },
    {
      ...common,
      path: '/docs',
      operationId: 'getDocs',
      summary: 'A page that shows both documents.',
      responses: {
        ...unchanged,
        200: {
          description: 'HTML.',
          headers: ['etag'],
          types: ['text/html'],
          schema: Type.String({ title: 'DocsPage', examples: ['<!doctype html>'] }),
        },
      },
      handle(context) {
        context.set('content-security-policy', POLICY)
        return sendStatic(context, read(path.join(own, 'docs.html'), 'text/html'))
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
        ...unchanged,
        200: {
          description: 'The file.',
          types: [...new Set(Object.values(files).map(({ type }) => type))],
          headers: ['etag'],
          schema: Type.String({ title: 'DocsFile', examples: ['body { margin: 0 }'] }),
        },
        404: { description: 'There is no such file.' },
      },
      handle(context) {
        const name = context.params['file'] as string
        const file = Object.hasOwn(files, name) ? files[name] : undefined
        if (!file) throw new MillraceError('not_found', 'There is no such file.')
        return sendStatic(context, read(path.join(file.directory, name), file.type))
      },
    },
  ]
}

const FILE = ruled('^[\\w.-]+$', 'be the name of a file')
const textParameter = (name: string, description: string, example: string) => ({
  in: 'path' as const,
  name,
  description,
  required: true,
  schema: Type.String({ pattern: FILE, maxLength: 100 }),
  example,
})

/**
 * The routes of the console and of the documents. A browser gets the console at / too: the paths
 * within it are relative. `offersOpenId`: whether people may sign in with OpenID Connect.
 */
export function consoleRoutes({ offersOpenId }: { offersOpenId: boolean }): Route[] {
  const console = readConsoleFiles()
  const { html, policy } = consolePage(console, offersOpenId)
  const page = staticBody('text/html', html)
  const { version, files } = console
  const shown = {
    ...unchanged,
    200: {
      description: 'HTML.',
      headers: ['etag' as const],
      types: ['text/html'],
      schema: Type.String({ title: 'ConsolePage', examples: ['<!doctype html>'] }),
    },
  }
  const show = (context: RequestContext) => {
    context.set({
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    })
    return sendStatic(context, page)
  }

  return [
    ...documentRoutes(),
    {
      ...common,
      path: '/',
      operationId: 'getRoot',
      summary: 'The console, for browsers.',
      responses: {
        ...shown,
        404: { description: 'A client that takes no HTML has no page here.' },
      },
      handle(context) {
        context.vary('accept')
        if (context.accepts('json', 'html') === 'html') return show(context)
        throw new MillraceError('not_found', 'There is no such path.')
      },
    },
    {
      ...common,
      path: '/console',
      operationId: 'getConsole',
      summary: 'The console: a page for people.',
      responses: shown,
      handle: show,
    },
    {
      ...common,
      path: '/console/:version/:folder/:file',
      operationId: 'getConsoleFile',
      summary: 'A file of the console.',
      parameters: [
        textParameter('version', 'The version of all files, which the page names.', version),
        {
          ...textParameter('folder', 'Its folder.', 'app'),
          schema: Type.Enum(FOLDERS),
        },
        textParameter('file', 'Its name.', 'main.js'),
      ],
      responses: {
        ...unchanged,
        200: {
          description: 'The file. It never changes.',
          types: [...new Set(Object.values(TYPES))],
          headers: ['etag'],
          schema: Type.String({ title: 'ConsoleFile', examples: ['body { margin: 0 }'] }),
        },
        404: { description: 'There is no such file, or the version is another one.' },
      },
      handle(context) {
        const { params } = context
        const file = files.get(`${params['folder']}/${params['file']}`)
        if (!file || params['version'] !== version) {
          throw new MillraceError('not_found', 'There is no such file. Load the page again.')
        }
        return sendStatic(context, file, { isVersioned: true })
      },
    },
  ]
}

/** Reads each file once: anybody may ask for it, and often. */
function createFileCache(): (file: string, type: string) => StaticBody {
  const cache = new Map<string, StaticBody>()
  return (file, type) => {
    const body = cache.get(file) ?? staticBody(type, readFileSync(file))
    cache.set(file, body)
    return body
  }
}
