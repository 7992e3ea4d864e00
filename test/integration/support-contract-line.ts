import { once } from "node:events";
import { createServer, request as httpRequest, type ServerResponse } from "node:http";
import { freePort } from "../support/free-port.ts";

/** The treatment of a request in place of forwarding it. */
export type Disturbance = (response: ServerResponse) => void;

/** The line between gateway and CMS: forwards everything unchanged until it is disturbed. */
export class Line {
  readonly #cms: number;
  readonly #server = createServer((request, response) => {
    const { method = "", url: path = "", rawHeaders: headers } = request;
    if (this.#which.test(`${method} ${path}`)) {
      this.#server.emit("disturbed", response);
      this.#how(response);
      return;
    }
    const onward = httpRequest({ host: "127.0.0.1", port: this.#cms, method, path, headers, agent: false });
    onward.once("response", (answer) =>
      answer.pipe(response.writeHead(answer.statusCode ?? 0, answer.rawHeaders)),
    );
    onward.once("error", () => response.destroy());
    request.pipe(onward);
  });
  #which = /^$/;
  #how: Disturbance = () => undefined;
  #port = 0;

  constructor(cmsPort: number) {
    this.#cms = cmsPort;
  }

  /** Listens, on the same port again after `refuse`, and forwards everything. */
  async mend(): Promise<string> {
    this.#which = /^$/;
    if (!this.#server.listening) {
      // The port must still be free after `refuse`, so it is not one that the system assigns.
      if (this.#port === 0) this.#port = await freePort();
      this.#server.listen(this.#port, "127.0.0.1");
      await once(this.#server, "listening");
    }
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Applies `how` to every further request whose method and target match. */
  disturb(which: RegExp, how: Disturbance): void {
    this.#which = which;
    this.#how = how;
  }

  /** Resolves when the next request is disturbed, with a function that resets its connection. */
  async disturbed(): Promise<() => void> {
    const [response]: ServerResponse[] = await once(this.#server, "disturbed");
    return () => void response?.req.socket.resetAndDestroy();
  }

  /** Refuses new connections and cuts the present ones. */
  async refuse(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** Resets the connection. */
export const reset: Disturbance = (response) => void response.req.socket.resetAndDestroy();
/** Sends no answer. */
export const hangs: Disturbance = () => undefined;
/** The content type of JSON. */
export const json = { "content-type": "application/json" };

/** Sends this answer; an object is sent as JSON. */
export const reply =
  (status: number, body: unknown, headers: Record<string, string> = json): Disturbance =>
  (response) =>
    void response
      .writeHead(status, headers)
      .end(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
