#!/usr/bin/env node
// millrace <command>. A module's static imports are compiled before any of it runs. So this imports
// the commands dynamically, after setting up V8 and the cache of compiled code.

import './heap.ts'
import './compile-cache.ts'

await import('./commands.ts')
