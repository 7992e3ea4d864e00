import type { RecordId } from "../../core/context.ts";
import type { LookupContext, BodyRef, RecordRef } from "../../core/ports.ts";
import { isObject } from "../../core/json.ts";
import { readScope } from "../../core/scope.ts";
import { idKindOf, inBatches, isRecord, relatedId } from "./ids.ts";
import { readJson } from "./json.ts";
import { get, type Sender } from "./outgoing.ts";
import { tenantCondition } from "./query.ts";
import { LookupClient, selecting } from "./lookup-client.ts";
import { referencesIn, type Reference } from "./references.ts";
import { isUnreadableCondition } from "./refusal.ts";

/** The largest number of references in one body. */
const MOST_REFERENCES = 1_000;

const CODE = "document.unverifiable";

/** Checks that the declared relations of a body lead to records that the tenant may read. */
export class ReferenceCheck {
  readonly #questions: LookupClient;
  readonly #sender: Required<Sender>;
  readonly #asking: LookupContext;

  constructor(questions: LookupClient, sender: Required<Sender>, asking: LookupContext) {
    this.#questions = questions;
    this.#sender = sender;
    this.#asking = asking;
  }

  /**
   * Returns the paths of the relations that lead outside the scope; see the port. It sends one lookup per
   * collection and 100 records (fewer if their ids are long), and two more if a record was not found.
   */
  async outsiders(body: BodyRef): Promise<readonly string[]> {
    const { collection, tenant, fields } = body;
    const reading = { settings: this.#questions.settings, ids: idKindOf(tenant.id) };
    const references = referencesIn(fields, collection, { ...reading, most: MOST_REFERENCES });
    if (references.length > MOST_REFERENCES) return [...new Set(references.map(({ place }) => place))];
    const found = await this.#inScope(references);
    const missing = references.filter(({ target, id }) => id === undefined || !found.has(`${target} ${id}`));
    if (missing.length === 0) return [];
    const stored = body.id === undefined ? [] : await this.#storedStates({ collection, tenant, id: body.id });
    const storedReferences = stored.flatMap((state) => referencesIn(state, collection, reading));
    const unchanged = new Set(storedReferences.map(({ path, id }) => `${path} ${id}`));
    return [
      ...new Set(missing.filter(({ path, id }) => !unchanged.has(`${path} ${id}`)).map(({ place }) => place)),
    ];
  }

  /** Returns the references that the tenant may read, as `collection id`. */
  async #inScope(references: readonly Reference[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    const { settings } = this.#questions;
    const ask = async (target: string, ids: readonly RecordId[]): Promise<void> => {
      const scope = tenantCondition(settings, readScope(this.#sender.tenant, target));
      const where = { and: [scope, { id: { in: ids } }] };
      const { tenantField } = settings.cms;
      const query = `where=${encodeURIComponent(JSON.stringify(where))}&limit=${ids.length}&pagination=false&depth=0${selecting([tenantField])}`;
      const outgoing = get(settings, this.#sender, [target, query]);
      const answer = await this.#questions.send(outgoing, CODE, this.#asking);
      // A collection without tenants hides nothing from one. The CMS decides which of its records may be
      // referred to.
      if (isUnreadableCondition(answer.status, readJson(answer)))
        for (const id of ids) found.add(`${target} ${id}`);
      else
        for (const doc of this.#questions.list(this.#questions.read(answer, CODE), CODE))
          found.add(`${target} ${relatedId(doc)}`);
    };
    const lookups: Promise<void>[] = [];
    for (const target of new Set(references.map((reference) => reference.target))) {
      const wanted = references.filter((reference) => reference.target === target).map(({ id }) => id);
      const ids = [...new Set(wanted)].filter((id) => id !== undefined);
      for (const batch of inBatches(ids)) lookups.push(ask(target, batch));
    }
    await Promise.all(lookups);
    return found;
  }

  /**
   * Returns the declared relations of the tenant's record, in the main row and in the latest draft: a partner
   * may write back values from either.
   */
  async #storedStates({ collection, id, tenant }: RecordRef): Promise<readonly Record<string, unknown>[]> {
    const { settings } = this.#questions;
    const where = { and: [{ id: { equals: id } }, tenantCondition(settings, [tenant.id])] };
    const names = Object.keys(settings.cms.relations[collection] ?? {}).map(
      (path) => path.split(".")[0] ?? "",
    );
    const query = `where=${encodeURIComponent(JSON.stringify(where))}&limit=1&pagination=false&depth=0${selecting(names)}`;
    const by = { sender: this.#sender, code: CODE } as const;
    const states = [query, `${query}&draft=true`].map((stateQuery) =>
      this.#questions.docs([collection, stateQuery], by, this.#asking),
    );
    const stored = (await Promise.all(states)).flat();
    return stored.filter((state): state is Record<string, unknown> => isRecord(state, id) && isObject(state));
  }
}
