import type { RecordId } from "../../core/context.ts";
import type { LookupContext, BodyRef, RecordRef } from "../../core/ports.ts";
import { isObject } from "../../core/json.ts";
import { readScope } from "../../core/scope.ts";
import { idKindOf, inParts, isRecord, relatedId } from "./ids.ts";
import { readJson } from "./json.ts";
import { get, type Sender } from "./outgoing.ts";
import { tenantCondition } from "./query.ts";
import { Questions, selecting } from "./questions.ts";
import { referencesIn, type Reference } from "./references.ts";
import { isUnreadableCondition } from "./refusal.ts";

/** References of one body, at the most. */
const MOST_REFERENCES = 1_000;

const CODE = "document.unverifiable";

/** Looks whether the declared relations of a body lead to records that the tenant may read. */
export class ReferenceCheck {
  readonly #questions: Questions;
  readonly #sender: Required<Sender>;
  readonly #asking: LookupContext;

  constructor(questions: Questions, sender: Required<Sender>, asking: LookupContext) {
    this.#questions = questions;
    this.#sender = sender;
    this.#asking = asking;
  }

  /**
   * The paths of the relations that lead outside; see the port. One question for each collection and hundred records
   * (fewer where their ids are long); two more where any was not found.
   */
  async outsiders(body: BodyRef): Promise<readonly string[]> {
    const { collection, tenant, fields } = body;
    const reading = { settings: this.#questions.settings, ids: idKindOf(tenant.id) };
    const references = referencesIn(fields, collection, { ...reading, most: MOST_REFERENCES });
    if (references.length > MOST_REFERENCES) return [...new Set(references.map(({ place }) => place))];
    const found = await this.#inScope(references);
    const missing = references.filter(({ target, id }) => id === undefined || !found.has(`${target} ${id}`));
    if (missing.length === 0) return [];
    const held = body.id === undefined ? [] : await this.#held({ collection, tenant, id: body.id });
    const holding = held.flatMap((state) => referencesIn(state, collection, reading));
    const kept = new Set(holding.map(({ path, id }) => `${path} ${id}`));
    return [
      ...new Set(missing.filter(({ path, id }) => !kept.has(`${path} ${id}`)).map(({ place }) => place)),
    ];
  }

  /** Those of the references that the tenant may read, as `collection id`. */
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
      // Without tenants a collection hides nothing from one: who may be pointed at is the CMS's affair.
      if (isUnreadableCondition(answer.status, readJson(answer)))
        for (const id of ids) found.add(`${target} ${id}`);
      else
        for (const doc of this.#questions.list(this.#questions.read(answer, CODE), CODE))
          found.add(`${target} ${relatedId(doc)}`);
    };
    const questions: Promise<void>[] = [];
    for (const target of new Set(references.map((reference) => reference.target))) {
      const wanted = references.filter((reference) => reference.target === target).map(({ id }) => id);
      const ids = [...new Set(wanted)].filter((id) => id !== undefined);
      for (const some of inParts(ids)) questions.push(ask(target, some));
    }
    await Promise.all(questions);
    return found;
  }

  /**
   * The declared relations of the tenant's record in each of its states, the latest draft included: a partner may write
   * back what it read of either.
   */
  async #held({ collection, id, tenant }: RecordRef): Promise<readonly Record<string, unknown>[]> {
    const { settings } = this.#questions;
    const where = { and: [{ id: { equals: id } }, tenantCondition(settings, [tenant.id])] };
    const names = Object.keys(settings.cms.relations[collection] ?? {}).map(
      (path) => path.split(".")[0] ?? "",
    );
    const query = `where=${encodeURIComponent(JSON.stringify(where))}&limit=1&pagination=false&depth=0${selecting(names)}`;
    const by = { sender: this.#sender, code: CODE } as const;
    const states = [query, `${query}&draft=true`].map((asked) =>
      this.#questions.docs([collection, asked], by, this.#asking),
    );
    const held = (await Promise.all(states)).flat();
    return held.filter((state): state is Record<string, unknown> => isRecord(state, id) && isObject(state));
  }
}
