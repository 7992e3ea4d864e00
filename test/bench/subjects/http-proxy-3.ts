import { Agent, createServer } from "node:http";
import { createProxyServer } from "http-proxy-3";

/** http-proxy-3 as its README starts, with a keep-alive agent: the unit of every ratio. */
const [port = "0", upstream = ""] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const proxy = createProxyServer({ target: new URL(upstream), agent });
proxy.on("error", (_error, _request, response) => void response.destroy());
const server = createServer((request, response) => proxy.web(request, response));
server.listen(Number(port), "127.0.0.1");
