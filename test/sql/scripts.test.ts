// The scripts as files: what each says of itself, the command that runs them, and psql, which must
// give the same rows.

import { spawn, spawnSync } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseScript, readScripts } from '../../src/cli/script.ts'
import { answersOf, listScripts, readCall } from '../../src/cli/sql.ts'
import { jsonLines, table } from '../../src/cli/table.ts'
import { useDatabase } from '../helpers/database.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { asRole } from '../helpers/postgres.ts'
import { seed } from './seed.ts'

const database = useDatabase()
beforeAll(() => seed(database.admin.pool))

const auditor = () => asRole(database.url, 'auditor')
const scripts = readScripts()

describe('every script', () => {
  it('is there', () => expect(scripts).toHaveLength(14))

  it.each(scripts)('$name explains the variables that it uses, and no others', (script) => {
    const used = new Set(script.statements.flatMap(({ names }) => names))
    expect(script.variables.map(({ name }) => name).toSorted()).toEqual([...used].toSorted())
  })

  it.each(scripts)('$name asks for the variables that have no default', ({ name, variables }) => {
    const mandatory = variables.filter((variable) => variable.default === undefined)
    if (mandatory.length === 0) expect(readCall([name]).values.size).toBe(variables.length)
    else expect(() => readCall([name])).toThrow(`${mandatory[0]?.name} is missing`)
  })
})

describe('a script', () => {
  const opening = '-- Question: why?\n-- Reads only.\n-- a=1: a thing\n\n'

  it('has variables where psql sees them, and nowhere else', () => {
    const body =
      `-- :'a'\nselect :'a'::text, ':''a''', "x;':'a'", b::text /* ; :'a' */; ` + "set x = 'y';"
    const { statements } = parseScript('x', opening + body)
    expect(statements).toHaveLength(2)
    expect(statements[0]?.names).toEqual(['a'])
    expect(statements[0]?.text).toContain(`select $1::text, ':''a''', "x;':'a'", b::text /* ;`)
  })
  it('gives the same variable the same number', () => {
    const { statements } = parseScript('x', `${opening}select :'a', :'b', :'a';`)
    expect(statements[0]?.names).toEqual(['a', 'b'])
    expect(statements[0]?.text).toMatch(/select \$1, \$2, \$1$/)
  })
  it('is refused where it does not open as the others do', () => {
    expect(() => parseScript('x', 'select 1;')).toThrow(/lacks its question/)
    const odd = opening.replace('a=1:', 'a:')
    expect(() => parseScript('x', `${odd}select 1;`)).toThrow(/unknown line/)
    expect(() => parseScript('x', `${opening}select 1`)).toThrow(/does not end/)
  })
  it('cannot be broken by what is given to it', async () => {
    const nasty = `x'; delete from rejected_event; --`
    const args = [`tenant=${nasty}`, `order_id=\\'; ${nasty}`]
    const answers = await answersOf(database.url, readCall(['audit/order-history', ...args]))
    expect(answers).toMatchObject([{ rows: [] }])
    const { rowCount } = await database.pool.query('select from rejected_event')
    expect(rowCount).toBe(1)
  })
  it('that only reads cannot write', async () => {
    const script = parseScript('x', `${opening}delete from cursor where consumer = :'a';`)
    const call = { script, values: new Map([['a', 'erp']]), asJson: false }
    await expect(answersOf(database.url, call)).rejects.toThrow(/read-only/)
  })
})

describe('the command', () => {
  /** Runs it as a process, as a user does. */
  async function millrace(...args: string[]) {
    const child = spawn(process.execPath, ['src/main.js', 'sql', ...args], {
      env: { PATH: process.env['PATH'], DATABASE_URL: database.url },
    })
    const code = new Promise((resolve) => child.once('close', resolve))
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: await code, out, err }
  }

  it('lists every script with its question', async () => {
    const { code, out } = await millrace()
    expect({ code, out: out.trim() }).toEqual({ code: 0, out: listScripts() })
    for (const { name, question } of scripts) {
      expect(out.split('\n').some((line) => line.includes(name) && line.includes(question))).toBe(
        true,
      )
    }
  })
  it('prints an aligned table', async () => {
    const args = ['tenant=dodici', 'from=2026-03-11T02:00Z', 'to=2026-03-11T04:00Z']
    expect(await millrace('ops/throughput', ...args)).toEqual({
      code: 0,
      out: `hour                   | tenant | name            | events | payload_bytes
-----------------------+--------+-----------------+--------+--------------
2026-03-11 02:00:00+00 | dodici | invoice.created |      1 |            17
2026-03-11 03:00:00+00 | dodici | order.created   |      1 |            17
(2 rows)
`,
      err: '',
    })
  })
  it('ends with 1 where a script refuses, or the database does', async () => {
    const range = ['tenant=dodici', 'integration=nobody', 'from=2026-03-11', 'to=2026-03-12']
    const refused = await millrace('replay/date-range', ...range)
    expect(refused).toMatchObject({
      code: 1,
      out: expect.stringContaining('There is no such integration'),
    })
    const wrong = await millrace('ops/throughput', 'from=infinity')
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('infinity') })
  })
  it('ends with 2 where it is called wrongly, and says how it is right', async () => {
    const { code, out, err } = await millrace('audit/changes', 'tenant=dodici', 'form=today', 'x')
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(
      /^audit\/changes has no variable form; x is not name=value; from is missing;/,
    )
    expect(err).toContain('millrace sql audit/changes tenant=dodici integration=erp-1 from=')
    expect(await millrace('order-histroy', 'tenant=dodici')).toEqual({
      code: 2,
      out: '',
      err: 'There is no script order-histroy. Did you mean audit/order-history?\n',
    })
    for (const time of ['yesterdy', '2026-13-01']) {
      expect(await millrace('ops/throughput', 'tenant=dodici', `to=${time}`)).toEqual({
        code: 2,
        out: '',
        err: 'to is not a time: 2026-11-20, today, yesterday.\n',
      })
    }
    expect(() => readCall(['zzz'])).toThrow(/There are:\n {2}audit\/changes\n/)
    expect(() => readCall(['ops/lag', 'tenant=a', 'tenant=b'])).toThrow(/tenant is given twice/)
  })
  it('takes a path for a name, as psql does', () => {
    expect(readCall(['sql/ops/lag.sql']).script.name).toBe('ops/lag')
  })
})

describe('printing', () => {
  const columns = [
    { name: 'n', type: 20 },
    { name: 'doc', type: 114 },
    { name: 'text', type: 25 },
  ]
  it('shows nothing that a terminal would obey', () => {
    expect(table(columns, [['7', '{}', 'é\u001b[31m\nx']]).slice(2)).toEqual([
      '7 | {}  | é\\x1B[31m x',
      '(1 row)',
    ])
  })
  it('aligns as many rows as there are', () => {
    const rows = Array.from({ length: 200_000 }, (_, i) => [String(i), '{}', null])
    const lines = table(columns, rows)
    expect(lines).toHaveLength(rows.length + 3)
    expect(lines[2]).toBe('     0 | {}  |')
    expect(lines.at(-1)).toBe('(200000 rows)')
  })
  it('writes one JSON object a line, numbers and json as they are', () => {
    const row = ['12345678901234567890', '{"a":\n25.080,"a":1}', 'x\ny']
    expect(jsonLines(columns, [row, [null, null, null]])).toEqual([
      '{"n":12345678901234567890,"doc":{"a": 25.080,"a":1},"text":"x\\ny"}',
      '{"n":null,"doc":null,"text":null}',
    ])
  })
})

const psqlVersion = spawnSync('psql', ['--version'], { encoding: 'utf8' }).stdout?.trim()

if (!psqlVersion) {
  tellNotRun('psql: not run, there is none on the PATH; the scripts ran by millrace alone')
  it('psql is not tested: there is none on the PATH, so the scripts ran by millrace alone', () => {
    expect(psqlVersion).toBeFalsy()
  })
} else {
  describe(psqlVersion, () => {
    const SEEDED: Record<string, string> = {
      tenant: 'dodici',
      integration: 'erp',
      order_id: 'order-1',
      since: '2026-03-01',
      from: '2026-03-11',
      to: '2026-03-12',
      at: '2026-03-11T00:56:00Z',
    }
    const FIELD = '\x1f'
    const ROW = '\x1e'
    /** These tell the time of the call. */
    const volatile = ['seconds', 'seconds_left']

    /** In another time zone, since a script sets its own. */
    function psql(name: string, variables: string[], url = auditor()): string[][] {
      const format = ['-X', '-q', '-A', '-F', FIELD, '-R', ROW, '-P', 'footer=off']
      const given = variables.flatMap((variable) => ['-v', variable])
      const { status, stdout, stderr } = spawnSync(
        'psql',
        [...format, '-v', 'ON_ERROR_STOP=1', ...given, '-f', `sql/${name}.sql`, url],
        { encoding: 'utf8', env: { ...process.env, PGTZ: 'Asia/Tokyo' } },
      )
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      const rows = stdout.replace(/\n$/, '').split(ROW)
      return rows.map((row) => row.split(FIELD))
    }

    async function millrace(name: string, variables: string[]): Promise<string[][]> {
      const [answer] = await answersOf(auditor(), readCall([name, ...variables]))
      const rows = answer?.rows.map((row) => row.map((value) => value ?? '')) ?? []
      return [answer?.columns.map((column) => column.name) ?? [], ...rows]
    }

    function stable(rows: string[][]): string[][] {
      const [head = []] = rows
      return rows.map((row) => row.filter((_, i) => !volatile.includes(head[i] ?? '')))
    }

    const reading = scripts.filter(({ effect }) => effect === 'Reads only.')
    it.each(reading)('gives the rows of $name', async ({ name, variables }) => {
      const args = variables.map((variable) => `${variable.name}=${SEEDED[variable.name]}`)
      const rows = await millrace(name, args)
      expect(rows.length).toBeGreaterThan(1)
      expect(stable(psql(name, args))).toEqual(stable(rows))
    })
    it.each(reading)('gives the rows of $name with its defaults', async ({ name, variables }) => {
      const mandatory = variables.filter((variable) => variable.default === undefined)
      const args = mandatory.map((variable) => `${variable.name}=${SEEDED[variable.name]}`)
      expect(stable(psql(name, args))).toEqual(stable(await millrace(name, args)))
    })

    it('plans a replay', async () => {
      const range = ['tenant=dodici', 'integration=erp', 'from=2026-03-11', 'to=2026-03-12']
      expect(psql('replay/date-range', range, database.url)[1]?.slice(0, 2)).toEqual(['8', '12'])
      const { rows } = await database.pool.query(`
        select time_of(read_position + 1) as "from", time_of(stop_position) as "to"
        from cursor where consumer = 'erp' and run = 8`)
      expect(rows).toEqual([{ from: new Date('2026-03-11Z'), to: new Date('2026-03-12Z') }])
    })
  })
}
