// Generators of clients from the OpenAPI document, in four languages; .ci/run installs them, except
// Go. Each makes a client in a separate directory, beside the program of .ci/clients that does the
// main job with it.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../../.ci/clients')
const compilers = {
  openapi: path.join(root, 'typescript/node_modules/.bin/openapi-typescript'),
  typescript: path.join(root, 'typescript/node_modules/.bin/tsc'),
  python: path.join(root, 'python/venv/bin'),
  jars: path.join(root, 'java/jars'),
}

type Generator = {
  language: string
  isThere(): boolean
  /** Makes a client of a document, a file, in `directory`; returns the command of its program. */
  make(document: string, directory: string): [command: string, ...args: string[]]
}

function run(directory: string, command: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: directory, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${path.basename(command)} failed:\n${stdout}\n${stderr}`)
}

const typescript: Generator = {
  language: 'typescript',
  isThere: () => existsSync(compilers.openapi),
  make(document, directory) {
    run(directory, compilers.openapi, document, '-o', 'schema.d.ts')
    cpSync(path.join(root, 'typescript/main.mts'), path.join(directory, 'main.mts'))
    symlinkSync(path.join(root, 'typescript/node_modules'), path.join(directory, 'node_modules'))
    const types = path.resolve(import.meta.dirname, '../../node_modules/@types')
    const options = ['--strict', '--noEmit', '--exactOptionalPropertyTypes', '--skipLibCheck']
    const modules = ['--module', 'nodenext', '--target', 'es2024', '--allowImportingTsExtensions']
    const node = ['--typeRoots', types, '--types', 'node']
    run(directory, compilers.typescript, ...options, ...modules, ...node, 'main.mts', 'schema.d.ts')
    return [process.execPath, 'main.mts']
  },
}

const python: Generator = {
  language: 'python',
  isThere: () => existsSync(path.join(compilers.python, 'openapi-python-client')),
  make(document, directory) {
    const generator = path.join(compilers.python, 'openapi-python-client')
    const output = ['--output-path', 'millrace_client', '--meta', 'none']
    run(directory, generator, 'generate', '--path', document, ...output)
    cpSync(path.join(root, 'python/main.py'), path.join(directory, 'main.py'))
    return [path.join(compilers.python, 'python'), 'main.py']
  },
}

/** openapi-generator, if it is installed. */
const generatorJar = () => {
  const jars = existsSync(compilers.jars) ? readdirSync(compilers.jars) : []
  const jar = jars.find((name) => name.startsWith('openapi-generator-cli'))
  return jar && path.join(compilers.jars, jar)
}

const go: Generator = {
  language: 'go',
  isThere: () => generatorJar() !== undefined && spawnSync('go', ['version']).status === 0,
  make(document, directory) {
    const from = ['-i', document, '-g', 'go', '-o', 'client']
    const options = ['-p', 'packageName=client,withGoMod=false']
    const without = ['--global-property', 'apiTests=false,modelTests=false']
    const generate = ['-jar', generatorJar() as string, 'generate']
    run(directory, 'java', ...generate, ...from, ...options, ...without)
    cpSync(path.join(root, 'go/main.go'), path.join(directory, 'main.go'))
    run(directory, 'go', 'mod', 'init', 'millrace')
    run(directory, 'go', 'build', '-o', 'main', '.')
    return [path.join(directory, 'main')]
  },
}

const java: Generator = {
  language: 'java',
  isThere: () => existsSync(compilers.jars) && readdirSync(compilers.jars).length > 1,
  make(document, directory) {
    const jars = readdirSync(compilers.jars).map((jar) => path.join(compilers.jars, jar))
    const generator = generatorJar() as string
    const packages = ['invokerPackage=client', 'apiPackage=client.api', 'modelPackage=client.model']
    const options = [...packages, 'openApiNullable=false'].join()
    const from = ['-i', document, '-g', 'java', '--library', 'native', '-o', 'made']
    run(directory, 'java', '-jar', generator, 'generate', ...from, '-p', options)
    cpSync(path.join(root, 'java/Main.java'), path.join(directory, 'Main.java'))
    const sources = readdirSync(path.join(directory, 'made/src/main/java'), {
      recursive: true,
      encoding: 'utf8',
    })
      .filter((file) => file.endsWith('.java'))
      .map((file) => path.join('made/src/main/java', file))
    const classpath = [...jars.filter((jar) => jar !== generator), '.'].join(path.delimiter)
    run(directory, 'javac', '-d', '.', '-cp', classpath, 'Main.java', ...sources)
    return ['java', '-cp', classpath, 'Main']
  },
}

export const generators = [typescript, python, java, go]
