import { once } from "node:events";
import { createServer, request as httpRequest, type ServerResponse } from "node:http";
import { freePort } from "../support/free-port.ts";

/** What to do to a request in place of passing it on. */
export type Disturbance = (response: ServerResponse) => void;

/** The line between gateway and CMS: passes everything on as it is, until it is disturbed. */
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

  /** Listens, again on the same port after `refuse`, and passes everything on. */
  async mend(): Promise<string> {
    this.#which = /^$/;
    if (!this.#server.listening) {
      // Not one of those that the system gives away: it has to be free still after `refuse`.
      if (this.#port === 0) this.#port = await freePort();
      this.#server.listen(this.#port, "127.0.0.1");
      await once(this.#server, "listening");
    }
    return `http://127.0.0.1:${this.#port}`;
  }

  /** From now on requests whose method and target match meet `how`. */
  disturb(which: RegExp, how: Disturbance): void {
    this.#which = which;
    this.#how = how;
  }

  /** Resolves when the next request is disturbed, with a way to cut it off. */
  async disturbed(): Promise<() => void> {
    const [response]: ServerResponse[] = await once(this.#server, "disturbed");
    return () => void response?.req.socket.resetAndDestroy();
  }

  /** From now on connections are refused, and those that there are have been cut. */
  async refuse(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** Cuts the connection by a reset. */
export const reset: Disturbance = (response) => void response.req.socket.resetAndDestroy();
/** Says nothing. */
export const hangs: Disturbance = () => undefined;
/** What marks JSON. */
export const json = { "content-type": "application/json" };

/** Answers this; an object is sent as JSON. */
export const reply =
  (status: number, body: unknown, headers: Record<string, string> = json): Disturbance =>
  (response) =>
    void response
      .writeHead(status, headers)
      .end(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
