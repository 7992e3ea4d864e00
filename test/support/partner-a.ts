import type { Test } from "tap";
import type { RecordedRequest } from "./cms/recorder.ts";
import { breaches, type Caller, type Law, objectOf, type Site, startSite } from "./isolation.ts";
import { rawExchange, rawRequest } from "./raw.ts";

/** The tenant, scope and key that the CMS's requests for tenant A's partner must keep to. */
const LAW: Law = { tenant: 1, scope: [1], key: "partnerA" };

/** Tenant A's partner at a site of its own, whose data is reset for each test. */
export interface PartnerA {
  readonly site: Site;
  readonly a: Caller;
  /** Asserts that the CMS's requests since the last call were in scope for tenant A, and returns them. */
  readonly lawful: (t: Test, name?: string) => RecordedRequest[];
}

/** Starts a site for `t`, a file of tests, and ends it with it. */
export async function startPartnerA(t: Test): Promise<PartnerA> {
  const site = await startSite();
  t.teardown(() => site.close());
  t.beforeEach(() => site.cms.reset());
  return {
    site,
    a: site.as("partnerA"),
    lawful: (test, name = "in scope") => {
      const requests = site.cms.takeRequests();
      test.strictSame(breaches(requests, LAW), [], name);
      return requests;
    },
  };
}

/** The same partner on the wire: requests and responses are bytes. */
export interface WireOfA {
  readonly port: number;
  /** Its Authorization header, as a line. */
  readonly authorization: string;
  /** The lines of every request after the first: a Host and that header. */
  readonly common: readonly string[];
  /** Sends a head and a body on a new connection, until it ends. */
  readonly send: (lines: readonly string[], body?: string) => Promise<string>;
  /**
   * Asserts that the CMS's requests were in scope for tenant A and upgraded nothing. Returns how many were
   * for posts.
   */
  readonly reached: (t: Test, name: string) => number;
}

/** The path of tenant A's posts. */
export const POSTS = "/partners/2026-02/tenant-a/posts";

/** Starts a site for `t`, like `startPartnerA`. */
export async function startWireOfA(t: Test): Promise<WireOfA> {
  const { site, lawful } = await startPartnerA(t);
  const { port } = site.gateway;
  const authorization = `Authorization: users API-Key ${site.cms.keys.partnerA}`;
  return {
    port,
    authorization,
    common: ["Host: gateway", authorization],
    send: (lines, body = "") => rawExchange(port, rawRequest([...lines, "Connection: close"], body)),
    reached: (test, name) => {
      const requests = lawful(test, name);
      test.notOk(
        requests.some(({ upgrade }) => upgrade),
        `${name}: no upgrade`,
      );
      return requests.filter(({ path }) => path.startsWith("/api/posts")).length;
    },
  };
}

/** Every status in the bytes of a connection, in order. */
export function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

/** The JSON object at the end of the bytes of a connection. */
export function bodyOf(text: string): Record<string, unknown> {
  return objectOf(text.slice(text.lastIndexOf("\r\n\r\n") + 4));
}
