// Secrets that the first start generates if the operator sets none: a file in the data directory,
// mode 0600.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

/**
 * The secret in `dataDir`/`name`; if the file is missing, it is generated (32 random bytes in hex).
 * Two processes that start at once get the same one: the file is created whole, by a link, and only
 * one of them can create the link.
 */
export function secretFromFile(dataDir: string, name: string): string {
  const file = path.join(dataDir, name)
  if (!fs.existsSync(file)) {
    fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const draft = `${file}.${process.pid}`
    fs.writeFileSync(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
    try {
      fs.linkSync(draft, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      fs.rmSync(draft)
    }
  }
  return fs.readFileSync(file, 'utf8').trim()
}
