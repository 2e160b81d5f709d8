// The files of the console: its own, and modules of packages by an exact list, all served as they
// are. They share one version, a digest of all of them, which is a part of their paths.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { type StaticBody, staticBody } from '../http/static-body.ts'

const own = path.join(import.meta.dirname, 'public')
/** Folders of `public`; each file is in one of them, or in `vendor`. */
const OWN_FOLDERS = ['app', 'pages', 'parts', 'i18n']

/** The files of packages. `imported` is the name that the console's modules import it by. */
const vendors: { package: string; file: string; imported?: string }[] = [
  { package: 'preact', file: 'preact.mjs', imported: 'preact' },
  { package: 'preact/hooks', file: 'hooks.mjs', imported: 'preact/hooks' },
  { package: 'htm', file: 'htm.mjs', imported: 'htm' },
  { package: '@preact/signals', file: 'signals.mjs', imported: '@preact/signals' },
  { package: '@preact/signals-core', file: 'signals-core.mjs', imported: '@preact/signals-core' },
  { package: 'uplot', file: 'uPlot.esm.js', imported: 'uplot' },
  { package: 'uplot', file: 'uPlot.min.css' },
]

const START = 'app/main.js'
const FIRST_PAGE = 'pages/overview.js'

export const FOLDERS = [...OWN_FOLDERS, 'vendor']
export const TYPES: Record<string, string> = {
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml',
}

/** `files` by folder and name: "app/main.js". */
export type ConsoleFiles = {
  version: string
  files: Map<string, StaticBody>
  /** The file of each name that modules import. */
  imports: Record<string, string>
  /** The modules that the first page needs. */
  first: string[]
}

/** Reads all of them, a few hundred kB. */
export function readConsoleFiles(): ConsoleFiles {
  const { resolve } = createRequire(import.meta.url)
  const paths = new Map<string, string>()
  for (const folder of OWN_FOLDERS) {
    for (const name of readdirSync(path.join(own, folder)).sort()) {
      paths.set(`${folder}/${name}`, path.join(own, folder, name))
    }
  }
  for (const { package: module, file } of vendors) {
    paths.set(`vendor/${file}`, path.join(path.dirname(resolve(module)), file))
  }
  const digest = createHash('sha256')
  const files = new Map<string, StaticBody>()
  for (const [name, file] of paths) {
    const bytes = readFileSync(file)
    digest.update(name).update('\0').update(bytes).update('\0')
    files.set(name, staticBody(TYPES[path.extname(name)] ?? 'text/plain', bytes))
  }
  const imported = vendors.flatMap((one) => (one.imported ? [[one.imported, one.file]] : []))
  const imports = Object.fromEntries(imported.map(([name, file]) => [name, `vendor/${file}`]))
  const first = [...neededBy([START, FIRST_PAGE], files, imports)]
  return { version: digest.digest('hex').slice(0, 16), files, imports, first }
}

/** Modules, and those that they import before they run. */
function neededBy(
  modules: string[],
  files: Map<string, StaticBody>,
  imports: Record<string, string>,
): Set<string> {
  const needed = new Set(modules)
  // A set is iterated with what is added meanwhile.
  for (const module of needed) {
    const text = (files.get(module) as StaticBody).bytes.toString()
    for (const [, name = ''] of text.matchAll(/\bfrom ?['"]([^'"]+)['"]/g)) {
      const file = name.startsWith('.')
        ? path.posix.join(path.posix.dirname(module), name)
        : imports[name]
      if (file && files.has(file)) needed.add(file)
    }
  }
  return needed
}
