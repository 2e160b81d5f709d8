// The row of a statement that always has one: typed by the statement, and looked at, not cast.

/** Throws if the statement had no row or several. */
export function onlyRow<Row>({ rows }: { rows: Row[] }): Row {
  const [row] = rows
  if (row === undefined || rows.length > 1) {
    throw new Error(`A statement of one row had ${rows.length}.`)
  }
  return row
}
