// Text from outside. Characters that nobody sees, or that turn the direction of others around, are
// shown by their numbers.

import { html } from '../app/html.js'

/** All but line breaks, tabs, and what joins the parts of an emoji. */
const HIDDEN = /((?![\t\n\r\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}])/u

/** @param {{ text: string | null | undefined }} props */
export function Plain({ text }) {
  const pieces = (text ?? '').split(HIDDEN)
  return html`<bdi>${pieces.map((piece, i) =>
    i % 2 === 0 ? piece : html`<span class="hidden-character">${numberOf(piece)}</span>`,
  )}</bdi>`
}

/** @param {string} character */
const numberOf = (character) =>
  `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`
