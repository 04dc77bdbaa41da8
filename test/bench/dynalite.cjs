// Runs dynalite on LevelDB, in the directory that is its argument.
const dynalite = require('../node/node_modules/dynalite')
const server = dynalite({ path: process.argv[2], createTableMs: 0 })
server.keepAliveTimeout = 0 // it waits for its turn
server.listen(0, '127.0.0.1', () => console.log(`ready http://127.0.0.1:${server.address().port}`))
