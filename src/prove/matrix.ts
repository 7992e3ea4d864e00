import { bulk, trespass } from "./blocks/trespass.ts";
import { overrides } from "./blocks/overrides.ts";
import { creates, updates } from "./blocks/bodies.ts";
import { disguises, naming } from "./blocks/naming.ts";
import { heads, besideIds, queries } from "./blocks/queries.ts";
import { ids, pathSpellings } from "./blocks/spellings.ts";
import { ignored, shape } from "./blocks/shape.ts";
import { keys, native, versions } from "./blocks/keys.ts";
import { oracles } from "./blocks/oracles.ts";
import { relations } from "./blocks/relations.ts";
import type { Block } from "./world.ts";

/**
 * The whole matrix. Blocks that write come last, because new records would change the answers that others
 * compare.
 */
export const BLOCKS: readonly Block[] = [
  keys,
  native,
  versions,
  naming,
  disguises,
  pathSpellings,
  ids,
  queries,
  besideIds,
  heads,
  oracles,
  shape,
  ignored,
  creates,
  updates,
  trespass,
  bulk,
  overrides,
  relations,
];
