import type { Test } from "tap";
import type { RecordedRequest } from "./cms/recorder.ts";
import { breaches, type Caller, type Law, objectOf, type Site, startSite } from "./isolation.ts";
import { rawExchange, rawRequest } from "./raw.ts";

/** What tenant A's partner may do: the law that its requests to the CMS are held to. */
const LAW: Law = { tenant: 1, scope: [1], key: "partnerA" };

/** Tenant A's partner at a site of its own, whose data is as new for each test. */
export interface PartnerA {
  readonly site: Site;
  readonly a: Caller;
  /** Holds that all that reached the CMS since the last time did so for tenant A; gives it. */
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
    lawful: (test, name = "within the law") => {
      const requests = site.cms.takeRequests();
      test.strictSame(breaches(requests, LAW), [], name);
      return requests;
    },
  };
}

/** The same partner with its hands on the wire: requests are bytes, and so are answers. */
export interface WireOfA {
  readonly port: number;
  /** Its Authorization header, as a line. */
  readonly authorization: string;
  /** The lines that every request of it has after the first: a host, and that header. */
  readonly common: readonly string[];
  /** Sends a head and a body on a connection of their own, to its end. */
  readonly send: (lines: readonly string[], body?: string) => Promise<string>;
  /** Holds that what reached the CMS did so for tenant A and upgraded nothing; gives how many requests were for posts. */
  readonly reached: (t: Test, name: string) => number;
}

/** The path of tenant A's posts. */
export const POSTS = "/partners/2026-02/tenant-a/posts";

/** Starts a site for `t`, as `startPartnerA`. */
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

/** Every status in what a connection brought back, in order. */
export function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

/** The JSON object at the end of what a connection brought back. */
export function bodyOf(text: string): Record<string, unknown> {
  return objectOf(text.slice(text.lastIndexOf("\r\n\r\n") + 4));
}
