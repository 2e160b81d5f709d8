#!/usr/bin/env node
// millrace <command>. A module's static imports are compiled before any of it runs. So this imports
// the commands dynamically, after setting up V8 and the loading of modules.

import './heap.js'
import './loading.js'

await import('./commands.ts')
