// Preloaded by the service under fuzz. At SIGUSR2 it collects its garbage and prints the rest, so
// that a leak shows by its own size.

import fs from 'node:fs'
import v8 from 'node:v8'
import vm from 'node:vm'

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

process.on('SIGUSR2', () => {
  collect()
  collect()
  const { heapUsed, external, rss } = process.memoryUsage()
  fs.writeSync(1, `memory ${heapUsed + external} ${rss}\n`)
})
