// make pack: the npm package, in build/.

import { statSync } from 'node:fs'
import path from 'node:path'
import { pack } from './pack.ts'

const root = path.resolve(import.meta.dirname, '../..')
const file = pack(path.join(root, 'build'))
const kilobytes = Math.ceil(statSync(file).size / 1024)
console.log(`${path.relative(root, file)}: ${kilobytes} kB. Install it: npm install -g ${file}`)
