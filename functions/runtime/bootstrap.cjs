'use strict'
// Runs one Lambda function: loads its handler, then asks the Runtime API for one event after the other. The API is real
// HTTP (/2018-06-01/runtime/...), but over the socket inherited as file descriptor 3, so that no other process can reach it.
const fs = require('fs')
const http = require('http')
const net = require('net')
const path = require('path')
const util = require('util')
const { pathToFileURL } = require('url')

const API = '/2018-06-01/runtime'
const JSON_TYPE = { 'Content-Type': 'application/json' }
const request = http.request // functions may replace it
const { exit, env } = process
const now = Date.now

const socket = new net.Socket({ fd: 3, readable: true, writable: true })
socket.on('close', () => exit(0)) // the runner is gone
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
agent.createConnection = () => socket

function call (method, target, headers, body) {
  return new Promise((resolve, reject) => {
    const req = request({ agent, method, host: 'runtime', path: API + target, headers: { ...headers, 'Content-Length': body ? Buffer.byteLength(body) : 0 } }, res => {
      const chunks = []
      res.on('data', c => chunks.push(c))
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks).toString() }))
      res.on('error', reject)
    })
    req.on('error', reject)
    req.end(body)
  })
}

// ---- logs ----

let requestId = ''

function write (text) {
  for (let bytes = Buffer.from(text); bytes.length;) {
    try { bytes = bytes.subarray(fs.writeSync(1, bytes)) } catch (e) { if (e.code !== 'EAGAIN') return }
  }
}

function patchConsole () {
  const levels = { log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR', debug: 'DEBUG', trace: 'TRACE' }
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...args) => {
      write(`${new Date().toISOString()}\t${requestId || 'undefined'}\t${level}\t${util.format(...args)}\n`)
    }
  }
}

// The runner waits for this line before it closes the invocation's log.
const mark = () => write(`\u0000end ${requestId}\n`)

// ---- errors ----

class RuntimeError extends Error {
  constructor (type, message) {
    super(message)
    this.name = type
  }
}

function describe (err) {
  if (util.types.isNativeError(err) || (err && typeof err === 'object' && 'name' in err && 'message' in err && 'stack' in err)) {
    return { errorType: String(err.name), errorMessage: String(err.message), trace: String(err.stack || '').split('\n') }
  }
  let message
  try { message = typeof err === 'object' && err !== null ? String(err.message || util.inspect(err)) : String(err) } catch { message = 'unprintable error' }
  return { errorType: typeof err, errorMessage: message, trace: [] }
}

function errorCall (target, err) {
  const shape = describe(err)
  const text = JSON.stringify(shape)
  return call('POST', target, { ...JSON_TYPE, 'Lambda-Runtime-Function-Error-Type': encodeURIComponent(shape.errorType) }, text)
}

// ---- handler ----

function candidates (base) {
  return [base, base + '.js', base + '.mjs', base + '.cjs'].filter(f => fs.statSync(f, { throwIfNoEntry: false })?.isFile())
}

function isModule (file) {
  if (file.endsWith('.mjs')) return true
  if (!file.endsWith('.js')) return false
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    const about = path.join(dir, 'package.json')
    if (fs.existsSync(about)) {
      try { return JSON.parse(fs.readFileSync(about, 'utf8')).type === 'module' } catch { return false }
    }
    if (dir === path.dirname(dir)) return false
  }
}

async function loadModule (root, name) {
  const [file] = candidates(path.resolve(root, name))
  if (file) return isModule(file) ? import(pathToFileURL(file).href) : require(file)
  return require(require.resolve('./' + name, { paths: [root] }))
}

async function loadHandler (root, handler) {
  const match = /^(.*\/)?([^./]*)\.(.*)$/.exec(handler.replace(/^\.\//, ''))
  if (!match || handler.includes('..')) throw new RuntimeError('Runtime.MalformedHandlerName', 'Bad handler')
  const [, dir = '', file, member] = match
  let user
  try {
    user = await loadModule(root, dir + file)
  } catch (e) {
    if (e instanceof SyntaxError) throw Object.assign(new RuntimeError('Runtime.UserCodeSyntaxError', String(e)), { stack: e.stack })
    if (e && (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND')) throw Object.assign(new RuntimeError('Runtime.ImportModuleError', String(e)), { stack: e.stack })
    throw e
  }
  const find = from => member.split('.').reduce((o, key) => o === undefined || o === null ? undefined : o[key], from)
  const fn = find(user) ?? find(user && user.default)
  if (fn === undefined) throw new RuntimeError('Runtime.HandlerNotFound', `${handler} is undefined or not exported`)
  if (typeof fn !== 'function') throw new RuntimeError('Runtime.HandlerNotFound', `${handler} is not a function`)
  return fn
}

// ---- invocations ----

let current = null // the invocation under way
let onEmptyLoop = null
process.on('beforeExit', () => {
  const then = onEmptyLoop
  onEmptyLoop = null
  if (then) then()
})

const parse = text => text === undefined ? undefined : JSON.parse(text)

function contextOf (h, job) {
  const deadline = Number(h['lambda-runtime-deadline-ms'])
  const context = {
    get callbackWaitsForEmptyEventLoop () { return job.waits },
    set callbackWaitsForEmptyEventLoop (v) { job.waits = v },
    succeed: v => job.finish(null, v),
    fail: e => job.finish(e === undefined || e === null ? 'handled' : e),
    done: (e, v) => job.finish(e, v),
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse(h['lambda-runtime-client-context']),
    identity: parse(h['lambda-runtime-cognito-identity']),
    invokedFunctionArn: h['lambda-runtime-invoked-function-arn'],
    awsRequestId: h['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - now()
  }
  return context
}

class Job {
  constructor (id) {
    this.id = id
    this.waits = true
    this.over = false
  }

  // finish answers at once: promises and the functions of context.
  finish (err, value) {
    if (this.over) return
    this.over = true
    onEmptyLoop = null
    this.answer(err, value).then(next, die)
  }

  // callback answers at once too, unless the event loop is to run empty first.
  callback (err, value) {
    if (this.over) return
    if ((err !== undefined && err !== null) || !this.waits) return this.finish(err, value)
    onEmptyLoop = () => this.finish(null, value)
  }

  answer (err, value) {
    let body
    if (err === undefined || err === null) {
      try {
        body = JSON.stringify(value === undefined ? null : value) ?? 'null'
      } catch (e) {
        err = new RuntimeError('Runtime.MarshalError', 'Unable to stringify response body')
      }
    }
    if (body === undefined) {
      console.error('Invoke Error', JSON.stringify(describe(err)))
      mark()
      return errorCall(`/invocation/${this.id}/error`, err)
    }
    mark()
    return call('POST', `/invocation/${this.id}/response`, JSON_TYPE, body)
  }
}

async function next () {
  current = null
  const res = await call('GET', '/invocation/next', {})
  requestId = res.headers['lambda-runtime-aws-request-id']
  if (res.headers['lambda-runtime-trace-id']) env._X_AMZN_TRACE_ID = res.headers['lambda-runtime-trace-id']
  const job = current = new Job(requestId)
  onEmptyLoop = () => job.finish(null, null) // a handler that never answers
  try {
    const result = handler(JSON.parse(res.body), contextOf(res.headers, job), (e, v) => job.callback(e, v))
    if (result && typeof result.then === 'function') result.then(v => job.finish(null, v), e => job.finish(e ?? 'handled'))
  } catch (e) {
    job.finish(e ?? 'handled')
  }
}

function die (err, type) {
  const fatal = type ? Object.assign(new RuntimeError(type, String(err)), { stack: err && err.stack }) : err
  console.error(type ? 'Unhandled Promise Rejection' : 'Uncaught Exception', JSON.stringify(describe(fatal)))
  mark()
  const target = current && !current.over ? `/invocation/${current.id}/error` : null
  if (!target) return exit(129)
  current.over = true
  errorCall(target, fatal).finally(() => exit(129))
}

let handler
async function main () {
  patchConsole()
  process.on('uncaughtException', e => die(e))
  process.on('unhandledRejection', e => die(e, 'Runtime.UnhandledPromiseRejection'))
  try {
    handler = await loadHandler(env.LAMBDA_TASK_ROOT, env._HANDLER)
  } catch (e) {
    console.error(JSON.stringify(describe(e)))
    mark()
    await errorCall('/init/error', e)
    exit(1)
  }
  await next()
}

main().catch(die)
