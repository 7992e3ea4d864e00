import { createPayloadCms } from "../../src/cms/payload/payload.ts";
import { mint } from "../../src/core/brand.ts";
import type { Operation, Permit, Principal, Tenant, UpstreamAnswer } from "../../src/core/context.ts";
import type { AnswerEvents } from "../../src/core/foreign.ts";
import { Secret } from "../../src/core/secret.ts";
import { configFor } from "./gateway.ts";

/** A partner's response if the CMS answers `body` to an operation of tenant A on events. */
export function translated(kind: Operation["kind"], body: unknown, tell?: AnswerEvents): string {
  return translatedUnder({}, tell)(kind, body);
}

/** The same for a configuration with these sections. */
export function translatedUnder(settings: Record<string, unknown>, tell?: AnswerEvents) {
  return (kind: Operation["kind"], body: unknown): string => text(settings, { kind, body, tell });
}

interface Told {
  readonly kind: Operation["kind"];
  readonly body: unknown;
  readonly tell: AnswerEvents | undefined;
}

function text(settings: Record<string, unknown>, { kind, body, tell }: Told): string {
  const answer: UpstreamAnswer = {
    status: kind === "create" ? 201 : 200,
    contentType: "application/json",
    contentEncoding: undefined,
    body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
  };
  const config = configFor("http://cms.invalid", settings);
  const upstream = { send: () => Promise.reject(new Error("no request expected")) };
  const cms = createPayloadCms(config, upstream, tell === undefined ? {} : { tell });
  const operation: Operation =
    kind === "list" || kind === "create"
      ? { kind, collection: "events" }
      : { kind, collection: "events", id: "1" };
  return cms
    .translate(answer, {
      requestId: "id",
      operation,
      version: "2026-02",
      query: "",
      tenant: mint<Tenant>({ id: 1, slug: "tenant-a", installedApps: [] }),
      principal: mint<Principal>({
        userId: 2,
        tenantIds: [1],
        allTenants: false,
        roles: [],
        credential: new Secret("k"),
      }),
      permit: mint<Permit>({ scope: [1] }),
      fields: undefined,
    })
    .body.toString();
}
