import type { Outgoing, UpstreamAnswer } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { relatedId } from "./ids.ts";
import { readJson } from "./json.ts";
import { listRequest } from "./outgoing.ts";
import { depth } from "./paging.ts";
import { Parameters } from "./parameters.ts";
import { addLocale, asksDraft, tenantCondition, type AskedJob } from "./query.ts";
import { isHidden, readSelect } from "./selection.ts";
import type { PayloadSettings } from "./settings.ts";
import { depthOf, type VirtualField } from "./virtual-fields.ts";

/**
 * The proofs of virtual fields. Payload fills virtual fields at any depth, but shows the records behind them
 * only if the depth reaches these. Raising the client's depth would change other values: a relation to a
 * record that the key cannot read is an id at depth 0 and `null` at depth 1. So a second request follows, for
 * these relations only.
 */

/** Records by id, with the relations populated that their virtual fields need. */
export type Proofs = ReadonlyMap<string, Record<string, unknown>>;

/**
 * Builds the request for the proofs of the records in an answer; `undefined` if there is nothing to prove.
 */
export function proofRequest(
  job: AskedJob,
  answer: UpstreamAnswer,
  settings: PayloadSettings,
): Outgoing | undefined {
  const { asked, operation, permit } = job;
  const fields = shownFields(job, settings);
  const proofDepth = Math.min(depthOf(fields), settings.maxDepth);
  if (depth(asked["depth"], settings.maxDepth) >= proofDepth || operation.kind === "delete") return undefined;
  const ids = recordsOf(readJson(answer)).map((record) => relatedId(record));
  if (ids.length === 0) return undefined;
  const parameters = new Parameters();
  const where = { and: [{ id: { in: ids } }, tenantCondition(settings, permit.scope)] };
  parameters.add("where", JSON.stringify(where));
  parameters.add("limit", String(ids.length));
  parameters.add("pagination", "false");
  parameters.add("depth", String(proofDepth));
  addLocale(parameters, asked);
  if (asksDraft(asked)) parameters.add("draft", "true");
  // The answer to an update that moves a record to the trash shows the record, which is in the trash by then.
  parameters.add("trash", "true");
  for (const relation of new Set(fields.map(({ source: [first = ""] }) => first)))
    parameters.add(`select[${relation}]`, "true");
  return listRequest(job, settings, parameters.toString());
}

/** Reads the records in the answer to `proofRequest`. An error answer proves nothing. */
export function proofsOf(answer: UpstreamAnswer | undefined): Proofs {
  const records = answer === undefined ? [] : recordsOf(readJson(answer));
  return new Map(records.map((record) => [String(relatedId(record)), record]));
}

function shownFields({ asked, operation }: AskedJob, settings: PayloadSettings): readonly VirtualField[] {
  const { collection } = operation;
  const select = readSelect(asked["select"], settings, collection);
  const fields = settings.virtualFields.of(collection);
  if (select === undefined) return fields;
  // Unlike a stored field, a virtual field that is named with `true` beside exclusions is shown (Payload
  // 3.90).
  return fields.filter(({ name: [first = ""] }) => select[first] === true || !isHidden(select, first));
}

/** Returns the main records of an answer to a list, a read or a write. */
function recordsOf(body: unknown): readonly Record<string, unknown>[] {
  if (!isObject(body)) return [];
  const { docs, doc } = body;
  const records: unknown[] = Array.isArray(docs) ? docs : [doc];
  return records.filter((record) => isObject(record));
}
