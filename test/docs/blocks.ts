// The fenced blocks of a manual, in their order.

export type Block = {
  /** Of the line after its fence, from 1 on. */
  line: number
  /** "sh", "sql", "json", or "" where its fence names none. */
  language: string
  text: string
  /** The block right before it, with an empty line between. */
  before: Block | undefined
}

/** The blocks of a Markdown text. One that stands in a list loses the indent of its fence. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: (Block & { indent: string; lines: string[] }) | undefined
  markdown.split('\n').forEach((line, index) => {
    const fence = /^( *)```(\w*)$/.exec(line)
    if (open && fence) {
      const { line: first, language, lines } = open
      const last = blocks.at(-1)
      const isNext = last && first === last.line + last.text.split('\n').length + 3
      const before = isNext ? last : undefined
      blocks.push({ line: first, language, text: lines.join('\n'), before })
      open = undefined
    } else if (open) {
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
    } else if (fence) {
      const [, indent = '', language = ''] = fence
      open = { line: index + 2, language, text: '', before: undefined, indent, lines: [] }
    }
  })
  if (open) throw new Error(`The block of line ${open.line} has no end.`)
  return blocks
}
