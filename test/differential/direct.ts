import { isJson, type Json } from "../support/isolation.ts";
import { directBody, directQuery, directSort, mayAsk, refusalFor, type Kind, type Needed } from "./laws.ts";
import { referencesOf, type Reference } from "./references.ts";
import { conditionOf, fieldsIn, nothing, type List } from "./condition.ts";
import { idIn, type Answer, type Asking, type Side } from "./side.ts";
import type { Data, PartnerStep, Query, Value } from "./steps.ts";

/**
 * The expected response to the partner: the CMS gets a direct request, by id and with the partner's key, and
 * its response is converted to the contract's shape.
 */

const DRAFTS = new Set(["sinks"]);
/** A record as the key sees it before a write: its main row, and its latest version. */
interface Seen {
  readonly main: Json | undefined;
  readonly latest: Json | undefined;
}

export class Direct {
  readonly #side: Side;
  readonly #tenant: string | number;
  readonly #needed: Needed;

  constructor(side: Side, tenant: string | number, needed: Needed) {
    this.#side = side;
    this.#tenant = tenant;
    this.#needed = needed;
  }

  /** The expected response to a step. `data` is the step's body, references resolved. */
  async answer(step: PartnerStep, data: Data): Promise<Answer> {
    switch (step.do) {
      case "list":
        return this.#list(step);
      case "create":
        return this.#create(step, data);
      case "read":
        return this.#read(step.in, this.#idOf(step), step.query);
      case "delete":
        return this.#delete(step.in, this.#idOf(step));
      default:
        return this.#update(step, data);
    }
  }

  #idOf(step: { readonly in: string; readonly nth: number }): string | number {
    return this.#side.idOf(step.in, step.nth) ?? 999_999;
  }

  async #read(collection: string, id: string | number, asked: Query): Promise<Answer> {
    if (await isTrashedDraft(this.#side, `/api/${collection}/${id}`, asked)) {
      this.#needed.note("trashedDraft");
      return this.#missing();
    }
    const query = directQuery(asked, false, this.#needed);
    const answer = await this.#side.ask({ method: "GET", path: `/api/${collection}/${id}`, query });
    if (answer.status === 200) return this.#isOurs(answer.body) ? answer : this.#missing();
    return answer.status === 403 ? this.#missing() : this.#refused(answer, "read");
  }

  async #create(step: { readonly in: string; readonly query: Query }, data: Data): Promise<Answer> {
    const { in: collection } = step;
    const outsiders = await this.#refusedBefore(collection, data);
    if (outsiders !== undefined) return outsiders;
    const body = directBody(data, { collection, tenant: this.#tenant }, this.#needed);
    const query = directQuery(step.query, false, this.#needed);
    const answer = await this.#side.ask({ method: "POST", path: `/api/${collection}`, query, body });
    if (answer.status !== 201) return this.#refused(answer, "create");
    return { status: 201, body: recordIn(answer.body) };
  }

  async #delete(collection: string, id: string | number): Promise<Answer> {
    const { main } = await this.#seen(collection, id, false);
    if (main === undefined) return this.#missing();
    const query = directQuery({}, false, this.#needed);
    const answer = await this.#side.ask({ method: "DELETE", path: `/api/${collection}/${id}`, query });
    return answer.status === 200
      ? { status: 200, body: recordIn(answer.body) }
      : this.#refused(answer, "delete");
  }

  async #update(
    step: { readonly in: string; readonly nth: number; readonly query: Query },
    data: Data,
  ): Promise<Answer> {
    const { in: collection } = step;
    const id = this.#idOf(step);
    const restores = data["deletedAt"] === null;
    const seen = await this.#seen(collection, id, restores);
    if (seen.main === undefined || (DRAFTS.has(collection) && seen.latest === undefined))
      return this.#missing();
    const refused = await this.#refusedBefore(collection, data, seen);
    if (refused !== undefined) return refused;
    const keepsDraft = leavesDraft(data, step.query, seen);
    if (data["ifUpdatedAt"] !== undefined) {
      this.#needed.note("lock");
      const base = keepsDraft ? seen.main : (seen.latest ?? seen.main);
      if (base?.["updatedAt"] !== data["ifUpdatedAt"]) return { status: 409, body: {} };
    }
    if (restores) this.#needed.note("restore");
    const trash: Query = restores ? { trash: "true" } : {};
    const query = { ...directQuery(step.query, false, this.#needed), ...trash };
    const body = directBody(data, { collection }, this.#needed);
    if (keepsDraft) return this.#updateInBulk({ collection, id, query, body });
    const answer = await this.#side.ask({ method: "PATCH", path: `/api/${collection}/${id}`, query, body });
    return answer.status === 200
      ? { status: 200, body: recordIn(answer.body) }
      : this.#refused(answer, "update");
  }

  async #updateInBulk({
    collection,
    id,
    query,
    body,
  }: {
    readonly collection: string;
    readonly id: string | number;
    readonly query: Query;
    readonly body: Value;
  }): Promise<Answer> {
    this.#needed.note("draft");
    const asking: Asking = {
      method: "PATCH",
      path: `/api/${collection}`,
      query: { ...query, "where[id][equals]": String(id) },
      body,
    };
    const answer = await this.#side.ask(asking);
    const record = recordIn(answer.body);
    if (answer.status === 200 && idIn(record) !== undefined) return { status: 200, body: record };
    if (answer.status === 403) return this.#refused(answer, "update");
    this.#needed.note("draftRefused");
    return { status: 422, body: { errors: [] } };
  }

  async #list(step: List): Promise<Answer> {
    const path = `/api/${step.in}`;
    const where = conditionOf(step, this.#side);
    const query: Record<string, string> = { ...directQuery(step.query, true, this.#needed), ...where };
    if (query["sort"] !== undefined) query["sort"] = directSort(step.in, query["sort"], this.#needed);
    if (fieldsIn(step.where).some((name) => !mayAsk(step.in, name))) {
      this.#needed.note("asked");
      return { status: 200, body: nothing(query) };
    }
    const answer = await this.#side.ask({ method: "GET", path, query });
    if (answer.status === 200) return { status: 200, body: answer.body };
    const { sort, ...unsorted } = query;
    if (sort !== undefined) {
      const again = await this.#side.ask({ method: "GET", path, query: unsorted });
      if (again.status === 200) {
        this.#needed.note("order");
        return again;
      }
    }
    if (step.where === undefined) return this.#refused(answer, "read");
    this.#needed.note("condition");
    return { status: 200, body: nothing(query) };
  }

  /** The record, unless the key cannot read it in the tenant. */
  async #seen(collection: string, id: string | number, isTrashed: boolean): Promise<Seen> {
    const one = async (draft: string): Promise<Json | undefined> => {
      const query = { depth: "0", draft, ...(isTrashed ? { trash: "true" } : {}) };
      const { status, body } = await this.#side.ask({
        method: "GET",
        path: `/api/${collection}/${id}`,
        query,
      });
      return status === 200 && this.#isOurs(body) ? body : undefined;
    };
    return {
      main: await one("false"),
      latest: DRAFTS.has(collection) ? await one("true") : undefined,
    };
  }

  /** The rejection before the write: references out of scope that the record does not have yet. */
  async #refusedBefore(collection: string, data: Data, held: Seen = NOTHING): Promise<Answer | undefined> {
    const name = ({ path, id }: Reference): string => `${path} ${id}`;
    const states = [held.main, held.latest].flatMap((state) => referencesOf(state ?? {}, collection));
    const kept = new Set(states.map(name));
    const outside = new Set<string>();
    for (const reference of referencesOf(data, collection)) {
      const isFine = kept.has(name(reference)) || (await this.#isReadable(reference));
      if (!isFine) outside.add(reference.place);
    }
    if (outside.size === 0) return undefined;
    this.#needed.note("references");
    return { status: 422, body: { errors: [...outside].map((path) => ({ path })) } };
  }

  async #isReadable({ target, id }: Reference): Promise<boolean> {
    const path = `/api/${target}/${encodeURIComponent(id)}`;
    const { status, body } = await this.#side.ask({ method: "GET", path, query: { depth: "0" } });
    return status === 200 && (target === "tags" || this.#isOurs(body));
  }

  #isOurs({ tenant }: Json): boolean {
    return (
      (isJson(tenant) ? tenant["id"] : tenant) === this.#tenant || tenant === undefined || tenant === null
    );
  }

  #missing(): Answer {
    this.#needed.note("missing");
    return { status: 404, body: {} };
  }

  #refused(answer: Answer, kind: Kind): Answer {
    return refusalFor(answer, kind, this.#needed);
  }
}

/** True if a direct request asks for a draft whose latest version is in the trash. */
export async function isTrashedDraft(side: Side, path: string, asked: Query): Promise<boolean> {
  if (asked["draft"] !== "true" || !path.startsWith("/api/")) return false;
  const { body } = await side.ask({ method: "GET", path, query: { depth: "0", draft: "true" } });
  return typeof body["deletedAt"] === "string";
}

const NOTHING: Seen = { main: undefined, latest: undefined };

/** True if an update by id would publish a waiting draft, which the partner did not ask for. */
function leavesDraft(data: Data, query: Query, { main, latest }: Seen): boolean {
  if (latest === undefined || query["draft"] === "true" || Object.hasOwn(data, "_status")) return false;
  if (data["deletedAt"] !== undefined && data["deletedAt"] !== null) return false;
  return main?.["_status"] === "published" && latest["_status"] !== "published";
}

function recordIn({ doc, docs }: Json): Json {
  const record: unknown = Array.isArray(docs) ? docs[0] : doc;
  return isJson(record) ? record : {};
}
