import type { Revision, Revisions } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { LookupContext, RecordRef } from "../../core/ports.ts";
import { isRecord } from "./ids.ts";
import { get, type Sender } from "./outgoing.ts";
import { isOwnedByAlone } from "./owners.ts";
import { tenantCondition } from "./query.ts";
import { selecting, type LookupClient } from "./lookup-client.ts";

const CODE = "document.unverifiable";

/** The record that a write targets, and whether the write restores it from the trash. */
export interface InspectedRecord extends RecordRef {
  readonly isRestored: boolean;
}

/**
 * Returns the states of a record that Payload's update would build on: the main row, and the latest version
 * if the collection has drafts. Returns `undefined` if the main row is missing, or if one of the states is
 * not the tenant's alone. Payload 3.90's update by id takes the latest version, tenant field included, and
 * writes it to the main row: a tenant must not publish another tenant's draft.
 */
export async function inspectRecord(
  record: InspectedRecord,
  { questions, sender }: { readonly questions: LookupClient; readonly sender: Sender },
  asking: LookupContext,
): Promise<Revisions | undefined> {
  const { settings } = questions;
  const { id, collection, tenant } = record;
  const { tenantField } = settings.cms;
  const shape = `&limit=1&pagination=false&depth=0${selecting([tenantField, "updatedAt", "_status"])}`;
  const find = async (where: unknown, more: string): Promise<Record<string, unknown> | undefined> => {
    const query = `where=${encodeURIComponent(JSON.stringify(where))}${shape}${more}`;
    const answer = await questions.send(get(settings, sender, [collection, query]), CODE, asking);
    if (answer.status === 404)
      throw new GatewayError("route.unknown", { cause: `the CMS has no collection ${collection}` });
    const [found] = questions.list(questions.read(answer, CODE), CODE);
    return isObject(found) && isRecord(found, id) ? found : undefined;
  };
  const isOurs = (state: Record<string, unknown>): boolean => isOwnedByAlone(state[tenantField], tenant.id);

  const condition = { and: [{ id: { equals: id } }, tenantCondition(settings, [tenant.id])] };
  const main = await find(condition, record.isRestored ? "&trash=true" : "");
  if (main === undefined || !isOurs(main)) return undefined;
  if (main["_status"] === undefined) return { main: revisionOf(main), hasDrafts: false };
  // The condition names no tenant and includes the trash: a draft that was moved to another tenant or to the
  // trash would otherwise count as missing.
  const latest = await find({ id: { equals: id } }, "&draft=true&trash=true");
  if (latest === undefined) return { main: revisionOf(main), hasDrafts: true };
  if (!isOurs(latest)) return undefined;
  return { main: revisionOf(main), hasDrafts: true, latest: revisionOf(latest) };
}

function revisionOf(state: Readonly<Record<string, unknown>>): Revision {
  const { updatedAt, _status: status } = state;
  return {
    updatedAt: typeof updatedAt === "string" ? updatedAt : undefined,
    isPublished: status === undefined || status === "published",
  };
}
