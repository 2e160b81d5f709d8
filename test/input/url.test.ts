// URLs that the service is told to call.

import { expect, it } from 'vitest'
import { faultOfUrl } from '../../src/input/url.ts'

it.each([
  'http://a.example',
  'HTTPS://a.example:8443/b?c=d#e',
  'http://[::1]/',
  'http://bücher.example/',
])('takes %s', (url) => expect(faultOfUrl(url)).toBeUndefined())

it.each([
  ['', 'absolute'],
  ['/events', 'absolute'],
  ['http://', 'absolute'],
  ['ftp://a.example', 'http'],
  ['http:a.example', 'http'],
  ['javascript:alert(1)', 'http'],
  ['https://user@a.example', 'credentials'],
  ['https://user:word@a.example', 'credentials'],
  ['https://:word@a.example', 'credentials'],
  // The parser drops or changes these, and calls another URL than is shown.
  ['https://a.exa\tmple', 'blanks'],
  ['https://a.example/b\n', 'blanks'],
  [' https://a.example', 'http'],
  ['https://a.example/b c', 'blanks'],
  ['https:\\\\a.example', 'http'],
  ['https://a.example\\@b.example', 'blanks'],
  ['https://a.example/\0', 'blanks'],
  ['https://a.example/\u0085', 'blanks'],
  ['https://a.example/\u00a0', 'blanks'],
])('refuses %j: %s', (url, reason) => expect(faultOfUrl(url)).toContain(reason))
