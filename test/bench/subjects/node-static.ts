import { createServer } from "node:http";

/**
 * The least cost of one hop in Node: a response from memory, without an upstream. Argument: the body's size
 * in bytes.
 */
const [port = "0", size = "2048"] = process.argv.slice(2);
const body = Buffer.alloc(Number(size), "x");
const server = createServer({ optimizeEmptyRequests: true }, (_, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
});
// The idle connections are counted, so they must stay open.
server.keepAliveTimeout = 600_000;
server.listen(Number(port), "127.0.0.1");
