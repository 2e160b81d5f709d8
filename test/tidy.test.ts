// The style as a test: the rules of helpers/tidy.ts hold for this repository, and each of them can
// fail.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { phrases } from './helpers/phrases.ts'
import {
  circles,
  deadFiles,
  type Files,
  importRule,
  leftovers,
  lengths,
  longFunctions,
  names,
  openings,
  packedFields,
  rowCasts,
  scriptsAlone,
  unusedExports,
} from './helpers/tidy.ts'
import { doubleNames, goneWords } from './helpers/tidy-words.ts'

const root = path.resolve(import.meta.dirname, '..')
const files: Files = new Map()
for await (const file of glob(
  ['{src,scripts,test,sql}/**/*.{ts,mjs,sql}', 'src/*.js', 'src/console/public/*/*.js'],
  { cwd: root },
)) {
  files.set(file, readFileSync(path.join(root, file), 'utf8'))
}

const prose: Files = new Map(files)
for await (const page of glob('{*.md,{docs,scripts}/**/*.md}', { cwd: root })) {
  prose.set(page, readFileSync(path.join(root, page), 'utf8'))
}
const runners = ['Makefile', 'package.json', 'vitest.config.ts', '.ci/run'].map((file) =>
  readFileSync(path.join(root, file), 'utf8'),
)

describe('this repository', () => {
  it('has files to look at', () => expect(files.size).toBeGreaterThan(50))
  it('imports only from left to right', () => expect(importRule(files)).toEqual([]))
  it('has no circles', () => expect(circles(files)).toEqual([]))
  it('has no index.ts, no utils', () => expect(names(files)).toEqual([]))
  it('has short files and lines', () => expect(lengths(files)).toEqual([]))
  it('has short functions', () => expect(longFunctions(files)).toEqual([]))
  it('opens each file with a comment', () => expect(openings(files)).toEqual([]))
  it('spreads no literal into another', () => expect(packedFields(files)).toEqual([]))
  it('exports only what another file imports', () => expect(unusedExports(files)).toEqual([]))
  it('leaves nothing over', () => expect(leftovers(files)).toEqual([]))
  it('is in plain English', () => expect(phrases(prose)).toEqual([]))
  it('says no word that is gone', () => expect(goneWords(files)).toEqual([]))
  it('exports each name once', () => expect(doubleNames(files)).toEqual([]))
  it('has no dead file', () => expect(deadFiles(files, runners)).toEqual([]))
  it('casts no row', () => expect(rowCasts(files)).toEqual([]))
  it('has scripts that need no test', () => expect(scriptsAlone(files)).toEqual([]))
})

describe('the licences of what this depends on', () => {
  type Package = { license?: string; version?: string }
  const allowed =
    /^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|PostgreSQL|MIT OR Apache-2\.0|\(MIT OR CC0-1\.0\))$/
  /** Not ours to choose, and their terms ask nothing of who uses them unchanged. */
  const exceptions: Record<string, string> = {
    argparse: 'Python-2.0', // of js-yaml, of cosmiconfig, of graphile-worker
    lightningcss: 'MPL-2.0', // of vite, of vitest: only for tests
    'argparse@3': 'PSF-2.0', // the same, of redocly: only for tests
    'fast-sha256': 'Unlicense', // of standardwebhooks: only for tests
  }
  it('are permissive', () => {
    const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
    const packages = Object.entries(lock.packages as Record<string, Package>)
    const others = packages.filter(([folder, { license = '', version = '' }]) => {
      const name = folder
        .replace(/^.*node_modules\//, '')
        .replace(/^lightningcss-.*/, 'lightningcss')
      const excepted = [exceptions[name], exceptions[`${name}@${version.split('.')[0]}`]]
      return folder !== '' && !allowed.test(license) && !excepted.includes(license)
    })
    expect(packages.length).toBeGreaterThan(100)
    expect(others).toEqual([])
  })
})

describe('each rule', () => {
  const tree = (entries: Record<string, string>): Files => new Map(Object.entries(entries))

  it('refuses an import against the flow', () => {
    const log = "// x\nimport type { A } from '../delivery/a.ts'\n"
    const wrong = tree({ 'src/log/b.ts': log, 'src/delivery/a.ts': '// x\n' })
    expect(importRule(wrong)).toEqual(['src/log/b.ts may not import src/delivery/a.ts'])
  })
  it('finds words that are gone in names of identifiers and files, not in prose', () => {
    const code = [
      '// Its place is told; keep it.',
      "const RunPlace = `the place is told` + 'kept'",
      'const isToldTwice = keep(MOST_KEPT, gateway, describeFailure)',
    ].join('\n')
    const wrong = tree({ 'src/log/a.ts': code, 'src/kept-secret.ts': '', 'test/place.ts': code })
    expect(goneWords(wrong)).toEqual([
      'src/log/a.ts says RunPlace: say slot, position, address, path, or what it is',
      'src/log/a.ts says isToldTwice: say logged, printed, listed or reported',
      'src/log/a.ts says keep: say keep and what: keepPresence',
      'src/log/a.ts says MOST_KEPT: say stored, cached or retained',
      'src/kept-secret.ts says src/kept-secret.ts: say stored, cached or retained',
    ])
  })
  it('finds a name that two files export', () => {
    const page = 'export type Page = 1\nexport const Page = 1\n'
    const wrong = tree({ 'src/http/page.ts': page, 'src/log/read.ts': page, 'test/a.ts': page })
    expect(doubleNames(wrong)).toEqual(['Page is exported by src/http/page.ts and src/log/read.ts'])
  })
  it('refuses an import between folders of one step', () => {
    const gateway = "// x\nimport { a } from '../integration/a.ts'\n"
    const wrong = tree({ 'src/gateway/b.ts': gateway, 'src/integration/a.ts': '// x\n' })
    expect(importRule(wrong)).toHaveLength(1)
  })
  it('refuses http/ outside of routes', () => {
    const publish = "// x\nimport { a } from '../http/a.ts'\n"
    const wrong = tree({ 'src/gateway/publish.ts': publish, 'src/http/a.ts': '// x\n' })
    expect(importRule(wrong)).toEqual(['src/gateway/publish.ts may not import http/'])
  })
  it('finds two files that import each other, by type alone', () => {
    const a = "// x\nimport type { B } from './b.ts'\n"
    const b = "// x\nimport { a } from './a.ts'\n"
    expect(circles(tree({ 'src/log/a.ts': a, 'src/log/b.ts': b }))).toEqual([
      'src/log/a.ts → src/log/b.ts → src/log/a.ts',
    ])
  })
  it('finds a function that is too long, of whatever form', () => {
    const body = '  a()\n'.repeat(69)
    const inner = '    a()\n'.repeat(69)
    for (const [long, line] of [
      [`export function a(): void {\n${body}}\n`, 1],
      [`export async function a(\n  b: string,\n): Promise<void> {\n${body}}\n`, 1],
      [`export function a(b: {\n  c: string\n}): void {\n${body}}\n`, 1],
      [`const a = () => {\n${body}}\n`, 1],
      [`const a = {\n  async b(c) {\n${inner}  },\n}\n`, 2],
      [`class A {\n  #b<T>(c: T) {\n${inner}  }\n}\n`, 2],
    ] as const) {
      const found = longFunctions(tree({ 'src/log/a.ts': long }))
      expect(found).toEqual([expect.stringContaining(`src/log/a.ts:${line} has a function of 7`)])
      expect(longFunctions(tree({ 'src/log/a.ts': long.replace(/( +a\(\)\n){6}/, '') }))).toEqual(
        [],
      )
    }
    const routes = `export function jobRoutes(): Route[] {\n${body}}\n`
    expect(longFunctions(tree({ 'src/log/routes.ts': routes }))).toEqual([])
  })
  it('refuses a function of more than four parameters', () => {
    const copy = mkdtempSync(path.join(os.tmpdir(), 'millrace-tidy-'))
    onTestFinished(() => rmSync(copy, { recursive: true }))
    mkdirSync(path.join(copy, 'src'))
    cpSync(path.join(root, 'biome.json'), path.join(copy, 'biome.json'))
    const lint = (text: string) => {
      writeFileSync(path.join(copy, 'src/planted.ts'), text)
      return spawnSync('biome', ['lint', 'src'], { cwd: copy, encoding: 'utf8' })
    }
    const five = 'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1) => [a, b, c, d, e]\n'
    expect(lint(five).stderr).toContain('5 parameters')
    expect(lint(five.replaceAll(/, e(: 1)?/g, '')).status).toBe(0)
  })
  it('finds phrases that hide who does what, in comments, texts and pages', () => {
    const wrong = tree({
      'src/a.ts': "// Undefined where nobody\n// waits.\nconst reason = 'It is told so.'\n",
      'sql/a.sql': '-- For whoever asks.\nselect 1 where true;\n',
      'docs/a.md': 'At\nthe most ten.\n\n```sh\necho as soon as it runs\n```\n',
      'sql/migrations/1.sql': '-- For whoever asks.\n',
    })
    expect(phrases(wrong)).toEqual([
      'src/a.ts: "Undefined where" → if',
      'src/a.ts: "where nobody" → if',
      'src/a.ts: "is told" → gets, sees, learns; notifies it',
      'sql/a.sql: "whoever" → the noun: callers that, a process that',
      'docs/a.md: "At the most" → at most',
    ])
    const good = tree({
      'src/b.ts': '// Where does it stop? There is none. So many that it fails; what follows.\n',
      'src/c.ts': "const query = 'select 1 where exists (select from a where true)'\n",
    })
    expect(phrases(good)).toEqual([])
  })
  it('finds names, lengths, openings, leftovers and dead files', () => {
    const wrong = tree({
      'src/log/index.ts': '',
      'src/db/long.ts': `// x\n${'\n'.repeat(400)}`,
      'test/a.test.ts': `// x\nit.${'skip'}('a')`,
    })
    expect(packedFields(tree({ 'src/log/a.ts': `const a = { ..${'.{'} b: 1 } }` }))).toHaveLength(1)
    const alone = tree({ 'src/a.ts': 'export const a = 1', 'src/b.ts': 'export type B = 1' })
    expect(unusedExports(alone)).toHaveLength(2)
    alone.set('src/c.ts', "import { a } from './a.ts'\nimport type { B } from './b.ts'\n")
    expect(unusedExports(alone)).toEqual([])
    expect(names(wrong)).toEqual(['src/log/index.ts'])
    expect(lengths(wrong)).toHaveLength(1)
    expect(openings(wrong)).toEqual(['src/log/index.ts does not open with a comment'])
    expect(leftovers(wrong)).toEqual(['test/a.test.ts skips tests'])
    expect(deadFiles(wrong)).toHaveLength(2)
  })
  it('finds a file of scripts or test that nobody imports and nothing runs', () => {
    const all = tree({
      'scripts/load/run.ts': "// It starts the other one.\nstartRemote('load/process.ts')\n",
      'scripts/load/process.ts': '// x\n',
      'scripts/load/old.ts': '// x\n',
      'test/helpers/preload.ts': '// x\n',
      'test/helpers/old.ts': "// x; test/helpers/old.ts was './old.ts'\n",
      'test/a.test.ts': "// old.ts\nspawn('node', ['--import', '../helpers/preload.ts'])\n",
    })
    const makefile = 'load:\n\tnode scripts/load/run.ts'
    expect(deadFiles(all, [makefile])).toEqual(['scripts/load/old.ts', 'test/helpers/old.ts'])
    expect(deadFiles(all)).toHaveLength(3)
  })
  it.each([
    ['`', '.ts'],
    ["'", '.ts'],
    ["'", '.sql'],
  ])('finds a long line within %s in a file %s', (quote, ending) => {
    const text = (length: number) => `x = ${quote}${'x'.repeat(length)}${quote}`
    expect(lengths(tree({ [`sql/a${ending}`]: text(100) }))).toEqual([
      `sql/a${ending}:1 has 106 columns`,
    ])
    expect(lengths(tree({ [`sql/a${ending}`]: text(90) }))).toEqual([])
    expect(lengths(tree({ 'test/a.test.ts': `it('${'x'.repeat(100)}', () => {` }))).toEqual([])
  })
  it.each([
    `const row = rows[0] ${'as'} { id: string }`,
    `return rows.at(-1) ${'as'} Stored`,
    `const [{ id }] = rows ${'as'} [{ id: string }]`,
    `const { id } = found ${'as'} StoredRow`,
    `return first ${'as'} (typeof rows)[number]`,
  ])('refuses the cast of a row: %s', (line) => {
    expect(rowCasts(tree({ 'src/log/a.ts': `// x\n${line}\n` }))).toHaveLength(1)
    expect(rowCasts(tree({ 'src/log/a.ts': `// ${line}\n` }))).toEqual([])
  })
  it('refuses a script that needs a test', () => {
    const text = "// x\nimport { a } from '../../test/helpers/a.ts'\n"
    expect(scriptsAlone(tree({ 'scripts/bench/a.ts': text }))).toHaveLength(1)
    expect(scriptsAlone(tree({ 'test/log/a.test.ts': text }))).toEqual([])
  })
})
