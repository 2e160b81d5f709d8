// The version of this program: only package.json has it.

import { readFileSync } from 'node:fs'

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** As package.json has it: "0.1.0". */
export const version = manifest.version
