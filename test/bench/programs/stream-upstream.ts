import { createServer } from "node:http";

/** Streams: GET sends as many bytes as the query says, PUT reads the whole body and answers with its size. */
const [port = "0"] = process.argv.slice(2);
const chunk = Buffer.alloc(2 ** 16, "x");

const server = createServer((request, response) => {
  if (request.method === "PUT") {
    let bytes = 0;
    request.on("data", (data: Buffer) => void (bytes += data.length));
    request.on("end", () => response.end(String(bytes)));
    return;
  }
  let left = Number(/bytes=(\d+)/.exec(request.url ?? "")?.[1] ?? 0);
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": left });
  const more = (): void => {
    while (left > 0) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left);
      left -= part.length;
      if (!response.write(part)) return void response.once("drain", more);
    }
    response.end();
  };
  more();
});
server.requestTimeout = 0;
server.listen(Number(port), "127.0.0.1");
