// Secrets that are made at the first start, when the operator gives none: a file in the data
// directory, mode 0600.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

/**
 * The secret kept in `dataDir`/`name`, made (32 random bytes in hex) where the file is missing. Two
 * processes that start at once end with the same one: the file appears whole, by a link that only
 * one of them can make.
 */
export function keptSecret(dataDir: string, name: string): string {
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
