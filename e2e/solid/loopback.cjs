// Community Solid Server listens on every interface and has no option for one.
// Preloaded by NODE_OPTIONS=--require, this binds it to loopback, and ends it
// when its standard input ends, so that it does not outlive the test.
const { Server } = require('node:net');
const listen = Server.prototype.listen;
Server.prototype.listen = function loopback(first, ...rest) {
  const port = Number(typeof first === 'object' && first !== null ? first.port : first);
  if (Number.isNaN(port)) return listen.call(this, first, ...rest); // a socket
  return listen.call(this, { port, host: '127.0.0.1' }, rest.find((x) => typeof x === 'function'));
};
if (process.env.END_WITH_STDIN) process.stdin.on('end', () => process.exit()).resume();
