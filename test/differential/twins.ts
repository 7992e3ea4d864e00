import { mock } from "node:test";

import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { isJson, type Json } from "../support/isolation.ts";
import { startCms } from "../support/cms/server.ts";
import { until } from "../support/until.ts";
import { Comparison, type Difference } from "./compare.ts";
import { conditionOf } from "./condition.ts";
import { Direct, isTrashedDraft } from "./direct.ts";
import type { Needed } from "./laws.ts";
import { idIn, seededIds, Side, type Answer, type Asking } from "./side.ts";
import { SINK_SETTINGS, sinkProject } from "./sink/project.ts";
import { isPartners, type Data, type EditorStep, type PartnerStep, type Query, type Step } from "./steps.ts";

/** Collections whose records sequences can reference. */
const REFERRED = [...SINK_SETTINGS.partners.collections, "tags", "users"];
/** A collection that hooks of others write to. */
const WRITTEN_BY_HOOKS = "ledger";
const PARTNERS = "/partners/2026-02/tenant-a";

const LONG_AGO = "2020-01-01T00:00:00.000Z";

/**
 * A difference and the step of the sequence after which it occurred; `undefined` for the stored rows at its
 * end.
 */
export interface Found extends Difference {
  readonly step: number | undefined;
}

/** Two CMSs with the same data: one gets direct requests, the other is behind a gateway. */
export class Twins {
  readonly #direct: Side;
  readonly #partner: Side;
  readonly #gateway: TestGateway;
  readonly #needed: Needed;
  readonly #tenants: ReadonlyMap<string, string | number>;
  readonly #isControl: boolean;

  constructor(sides: Sides, needed: Needed) {
    this.#direct = sides.direct;
    this.#partner = sides.partner;
    this.#gateway = sides.gateway;
    this.#tenants = sides.tenants;
    this.#isControl = sides.isControl;
    this.#needed = needed;
  }

  /** Runs a sequence on both. Resolves with the first difference that no law permits. */
  async run(sequence: readonly Step[]): Promise<Found | undefined> {
    await Promise.all([this.#direct.reset(), this.#partner.reset()]);
    // The second venue is seeded for another tenant.
    const foreign = new Set([this.#direct.idOf("venues", 1)]);
    const comparison = new Comparison(this.#needed, foreign);
    for (const [number, step] of sequence.entries()) {
      // Both requests have the same time, so that even times are compared.
      tick();
      if (step.do === "move" && step.in === "venues") foreign.add(this.#direct.idOf("venues", step.nth));
      const found = isPartners(step)
        ? await this.#partnerStep(step, comparison)
        : await this.#editorStep(step, comparison);
      if (found !== undefined) return { ...found, step: number };
    }
    const touched = new Set([...sequence.map((step) => step.in), WRITTEN_BY_HOOKS]);
    const found = comparison.first(await stored(this.#direct, touched), await stored(this.#partner, touched));
    return found === undefined ? undefined : { ...found, step: undefined };
  }

  async #partnerStep(step: PartnerStep, comparison: Comparison): Promise<Difference | undefined> {
    const direct = new Direct(this.#direct, this.#tenant("tenant-a"), this.#needed);
    const wanted = await direct.answer(step, await this.#bodyOf(step, this.#direct, "/api"));
    const given = await this.#given(step);
    if (step.do === "create") this.#learn(step.in, wanted, given);
    return comparison.first(shown(wanted), shown(given));
  }

  async #given(step: PartnerStep): Promise<Answer> {
    if (!this.#isControl) return this.#partner.ask(await this.#asking(step));
    const direct = new Direct(this.#partner, this.#tenant("tenant-a"), this.#needed);
    return direct.answer(step, await this.#bodyOf(step, this.#partner, "/api"));
  }

  /**
   * The body that a side sends. For a `rewrite`, it is the record read before, with the step's own fields in
   * place of the same ones.
   */
  async #bodyOf(step: PartnerStep, side: Side, root: string): Promise<Data> {
    if (!("data" in step)) return {};
    const data = objectOf(side.resolve(step.data));
    if (step.do === "create") return data;
    const path = `${root}/${step.in}/${side.idOf(step.in, step.nth) ?? "none"}`;
    const read = async (query: Query): Promise<Answer> =>
      (await isTrashedDraft(side, path, query))
        ? { status: 404, body: {} }
        : side.ask({ method: "GET", path, query });
    if (step.do === "rewrite") {
      const { status, body } = await read({ depth: "0", ...step.seen });
      return status === 200 ? { ...objectOf(body), ...data } : data;
    }
    if (step.lock === undefined) return data;
    const { body } = await read({ depth: "0", draft: String(step.lock === "latest") });
    const { updatedAt } = objectOf(body);
    return { ...data, ifUpdatedAt: step.lock === "old" ? LONG_AGO : (updatedAt ?? LONG_AGO) };
  }

  async #asking(step: PartnerStep): Promise<Asking> {
    const side = this.#partner;
    const collection = `${PARTNERS}/${step.in}`;
    if (step.do === "list") {
      return { method: "GET", path: collection, query: { ...step.query, ...conditionOf(step, side) } };
    }
    const query = step.do === "delete" ? {} : step.query;
    if (step.do === "create")
      return { method: "POST", path: collection, query, body: await this.#bodyOf(step, side, PARTNERS) };
    const path = `${collection}/${side.idOf(step.in, step.nth) ?? 999_999}`;
    if (step.do === "read") return { method: "GET", path, query };
    if (step.do === "delete") return { method: "DELETE", path };
    const method = step.do === "update" && step.put === true ? "PUT" : "PATCH";
    return { method, path, query, body: await this.#bodyOf(step, side, PARTNERS) };
  }

  #learn(collection: string, wanted: Answer, given: Answer): void {
    const ids = [idIn(wanted.body), idIn(given.body)] as const;
    if (ids[0] !== undefined) this.#direct.learn(collection, ids[0]);
    if (ids[1] !== undefined) this.#partner.learn(collection, ids[1]);
  }

  async #editorStep(step: EditorStep, comparison: Comparison): Promise<Difference | undefined> {
    const outcomes = await Promise.all([this.#edited(step, this.#direct), this.#edited(step, this.#partner)]);
    return comparison.first(outcomes[0], outcomes[1]);
  }

  async #edited(step: EditorStep, side: Side): Promise<unknown> {
    const id = side.idOf(step.in, step.nth);
    if (id === undefined) return undefined;
    const { payload } = side.cms;
    const target = { collection: step.in, id, depth: 0 };
    const {
      tenant: _,
      "tenant.id": __,
      ...data
    } = step.do === "edit" ? objectOf(side.resolve(step.data)) : {};
    try {
      if (step.do === "erase") return await payload.delete(target);
      if (step.do === "move")
        return await payload.update({ ...target, data: { tenant: this.#tenant("tenant-c") } });
      return await payload.update({ ...target, data, draft: step.draft });
    } catch (error) {
      return error instanceof Error ? error.name : "thrown";
    }
  }

  #tenant(slug: string): string | number {
    return this.#tenants.get(slug) ?? slug;
  }

  async close(): Promise<void> {
    await this.#direct.close();
    await this.#partner.close();
    await this.#gateway.stop();
    await this.#direct.cms.close();
    await this.#partner.cms.close();
    mock.timers.reset();
  }
}

interface Sides {
  readonly direct: Side;
  readonly partner: Side;
  readonly gateway: TestGateway;
  readonly tenants: ReadonlyMap<string, string | number>;
  readonly isControl: boolean;
}

/** Options of the twins. */
interface TwinsOptions {
  /** Records have UUIDs in place of numbers. */
  readonly uuids?: boolean;
  /** Both get direct requests: any difference is then a fault of the comparison. */
  readonly isControl?: boolean;
}

/** Later than the seeded records: Payload compares versions by their times. */
let now = Date.UTC(2030, 0, 1);

/** Advances the time of this process, and so of both CMSs, by a second. Nothing else advances it. */
function tick(): void {
  now += 1000;
  mock.timers.setTime(now);
}

/** Starts twins and the gateway before one of them. */
export async function startTwins(
  needed: Needed,
  { uuids = false, isControl = false }: TwinsOptions = {},
): Promise<Twins> {
  const options = { project: sinkProject(uuids), access: "tight", record: false } as const;
  const one = await startCms(options);
  const other = await startCms(options);
  const gateway = await startTestGateway(other.url, SINK_SETTINGS);
  await until("a ready gateway", async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok);
  const seeded = await seededIds(one, REFERRED);
  const { docs } = await one.payload.find({ collection: "tenants", depth: 0, pagination: false });
  mock.timers.enable({ apis: ["Date"], now });
  return new Twins(
    {
      direct: new Side(one, one.url, seeded),
      partner: new Side(other, isControl ? other.url : gateway.url, seeded),
      gateway,
      tenants: new Map(docs.map(({ id, slug }) => [String(slug), id])),
      isControl,
    },
    needed,
  );
}

/** All records of some collections, of every tenant, with their versions. */
async function stored({ cms: { payload } }: Side, collections: ReadonlySet<string>): Promise<Json> {
  const all: Record<string, unknown> = {};
  for (const collection of collections) {
    const asked = { collection, depth: 0, pagination: false, locale: "all", showHiddenFields: true } as const;
    const { docs } = await payload.find({ ...asked, sort: "createdAt", trash: true });
    const hasVersions = Boolean(payload.collections[collection]?.config.versions);
    const versions = hasVersions
      ? await payload.findVersions({ ...asked, sort: "updatedAt", trash: true })
      : undefined;
    all[collection] = { rows: docs, versions: versions?.docs };
  }
  return all;
}

/** The compared part of a response: for a failure, its status and any named fields. */
function shown({ status, body }: Answer): Json {
  if (status < 400) return { status, body };
  const { errors } = body;
  if (!Array.isArray(errors)) return { status };
  return { status, problems: errors.filter(isJson).map(({ path, message }) => ({ path, message })) };
}

function objectOf(value: unknown): Data {
  const isData = (data: unknown): data is Data => isJson(data);
  return isData(value) ? value : {};
}
