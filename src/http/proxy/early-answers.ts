import type { Duplex } from "node:stream";

/** The write errors after which data that the peer has already sent can still be read. */
const PEER_CLOSED: ReadonlySet<unknown> = new Set(["EPIPE", "ECONNRESET"]);

/**
 * Keeps a connection open after a failed write, since it may hold an answer. A server that answers an upload
 * early and closes causes a TCP reset (RFC 9112 section 9.6). Node destroys a socket at the first failed
 * write, with all unread data. Here, reading continues to its own end: the answer, the end of the stream, or
 * the same reset.
 */
export function readAfterFailedWrites(socket: Duplex): void {
  /* oxlint-disable no-underscore-dangle -- Node's names for what a stream does with a write */
  const write = socket._write.bind(socket);
  socket._write = (chunk, encoding, done) => write(chunk, encoding, tolerant(done));
  const writev = socket._writev?.bind(socket);
  if (writev !== undefined) socket._writev = (chunks, done) => writev(chunks, tolerant(done));
  /* oxlint-enable no-underscore-dangle */
}

type Done = (error?: Error | null) => void;

function tolerant(done: Done): Done {
  return (error) => {
    const isClosed = error instanceof Error && "code" in error && PEER_CLOSED.has(error.code);
    done(isClosed ? null : error);
  };
}
