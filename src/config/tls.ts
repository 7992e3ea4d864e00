import { createSecureContext } from "node:tls";
import type { UpstreamSettings } from "./upstream.ts";

/** The TLS options of an upstream: trusted CA, client certificate and key (PEM texts), and server name. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** Reads the configured files. Throws an `Error` whose message begins with the setting. */
export function readTls(
  { caFile, certFile, keyFile, servername }: UpstreamSettings["tls"],
  readFile: (path: string) => string,
): TlsMaterial {
  const read = (setting: string, path: string | undefined) => {
    if (path === undefined) return undefined;
    try {
      return readFile(path);
    } catch (error) {
      throw new Error(`${setting}: ${reasonOf(error)}`, { cause: error });
    }
  };
  const [ca, cert, key] = [read("caFile", caFile), read("certFile", certFile), read("keyFile", keyFile)];
  const material = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
  };
  if ((cert === undefined) !== (key === undefined))
    throw new Error(
      `${cert === undefined ? "keyFile" : "certFile"}: certFile and keyFile must be set together`,
    );
  try {
    createSecureContext(material);
  } catch (error) {
    throw new Error(`unusable certificates: ${reasonOf(error)}`, { cause: error });
  }
  return material;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
