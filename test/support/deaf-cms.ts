import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A proxy to the real CMS that removes every tenant constraint: the fault that the tripwire detects. */
export interface DeafCms {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Forwards reads and join lists to the CMS at `upstream` without their tenants, and the gateway's lookups
 * unchanged.
 */
export async function startDeafCms(upstream: string): Promise<DeafCms> {
  const server = createServer((request, response) => void carry(upstream, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function carry(upstream: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "", upstream);
  const where = url.searchParams.get("where");
  if (request.method === "GET" && where?.includes('"tenant"')) {
    const deaf = where.replace(/\{"tenant":\{"(?:in|equals)":[^}]*\}\}/g, '{"id":{"exists":true}}');
    url.searchParams.set("where", deaf);
  }
  for (const name of url.searchParams.keys().toArray())
    if (name.startsWith("joins[")) url.searchParams.delete(name);
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const answer = await fetch(url, {
    method: request.method ?? "GET",
    headers: {
      authorization: request.headers.authorization ?? "",
      "content-type": request.headers["content-type"] ?? "application/json",
    },
    ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
  });
  response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" });
  response.end(Buffer.from(await answer.arrayBuffer()));
}
