// Runs dynalite in memory. An exception of its own leaves one request unanswered and not all that follow.
const dynalite = require('../node/node_modules/dynalite')
process.on('uncaughtException', () => {})
const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
process.stdin.on("end", () => process.exit()).resume() // it goes with the test
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
