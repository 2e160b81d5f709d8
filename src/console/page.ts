// The page of the console, and what a browser may do with it: run the console's own files, ask the
// service, and nothing else.

import { createHash } from 'node:crypto'
import type { ConsoleFiles } from './files.ts'

/** The page's HTML, and its content security policy. Paths are relative to the page's. */
export function consolePage(
  { version, imports, first }: ConsoleFiles,
  offersOpenId: boolean,
): { html: string; policy: string } {
  const base = `console/${version}`
  const map = JSON.stringify({
    imports: Object.fromEntries(
      Object.entries(imports).map(([name, file]) => [name, `./${base}/${file}`]),
    ),
  })
  // Other pages load their own, and charts load uPlot.
  const preloads = first.map((name) => `<link rel="modulepreload" href="${base}/${name}">`)
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millrace</title>
<link rel="icon" href="${base}/app/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${base}/vendor/uPlot.min.css">
<link rel="stylesheet" href="${base}/app/console.css">
<script type="importmap">${map}</script>
${preloads.join('\n')}
<script type="module" src="${base}/app/main.js"></script>
</head>
<body>
<noscript>The console needs JavaScript.</noscript>
<div id="console"${offersOpenId ? ' data-openid' : ''}></div>
</body>
</html>
`
  const hash = createHash('sha256').update(map).digest('base64')
  const policy = [
    "default-src 'none'",
    // The map of imports is the one script within the page: browsers load no map from a file.
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // No text becomes markup: a browser refuses what would write HTML.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
  return { html, policy }
}
