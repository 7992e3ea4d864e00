import { createServer } from "node:http";
import { Pool } from "undici";

/**
 * A pass-through on undici's dispatch that copies only the response's bytes: the best case of the gateway's
 * client.
 */
const [port = "0", upstream = ""] = process.argv.slice(2);
const pool = new Pool(upstream, { connections: 64, pipelining: 1 });
const server = createServer({ optimizeEmptyRequests: true }, (request, response) => {
  let status = 502;
  let type = "";
  const chunks: Buffer[] = [];
  pool.dispatch(
    { method: "GET", path: request.url ?? "/", headers: ["accept", "application/json"] },
    {
      onRequestStart: () => undefined,
      onResponseStart: (_, code, headers) => {
        status = code;
        type = String(headers["content-type"]);
      },
      onResponseData: (_, chunk) => void chunks.push(chunk),
      onResponseEnd: () => {
        const [first] = chunks;
        const body = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
        response.writeHead(status, { "content-type": type, "content-length": body.length });
        response.end(body);
      },
      onResponseError: () => void response.destroy(),
    },
  );
});
server.listen(Number(port), "127.0.0.1");
