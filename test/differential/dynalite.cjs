// Runs dynalite in memory for a client that asks one thing at a time. An exception of its own answers the request it belongs to and
// leaves the rest alone: so no lock of an item may be kept, and there need be none.
const load = name => require(require.resolve(name, { paths: [require.resolve('../node/node_modules/dynalite')] }))
load('lock').Lock = () => (keys, run) => run(done => done)

const server = load('dynalite')({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
let open // the answer that is awaited
const fail = message => {
  if (open && !open.writableEnded) open.writeHead(500).end(JSON.stringify({ __type: 'dynalite#Exception', message }))
}
server.prependListener('request', (req, res) => {
  open = res
  const lost = setTimeout(fail, 5000, 'no answer') // where it caught its exception and forgot the request
  res.on('finish', () => clearTimeout(lost))
})
process.on('uncaughtException', e => fail(e.message))
process.stdin.on('end', () => process.exit()).resume() // it goes with the test
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
