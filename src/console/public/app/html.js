// Markup without a build step: templates of htm become elements of Preact, which writes every value
// as text.

import htm from 'htm'
import { h } from 'preact'

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h)
