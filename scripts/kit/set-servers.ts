// Preloaded by processes that must use a test's own name server (name-server.ts).

import dns from 'node:dns'

dns.setServers([String(process.env['NAME_SERVER'])])
