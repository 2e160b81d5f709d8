#!/usr/bin/env node
// millrace <command>. What a module imports by name is compiled before any of it runs: so the
// commands are asked for only after V8 was told what to do, and where compiled code is kept.

import './heap.ts'
import './compile-cache.ts'

await import('./commands.ts')
