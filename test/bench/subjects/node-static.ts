import { createServer } from "node:http";

/** The floor of one hop in Node: an answer from memory, nobody asked. Argument: the body's size in bytes. */
const [port = "0", size = "2048"] = process.argv.slice(2);
const body = Buffer.alloc(Number(size), "x");
const server = createServer({ optimizeEmptyRequests: true }, (_, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
});
// Idle connections are counted too.
server.keepAliveTimeout = 600_000;
server.listen(Number(port), "127.0.0.1");
