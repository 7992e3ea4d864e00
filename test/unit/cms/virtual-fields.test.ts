import t from "tap";
import { proofsOf } from "../../../src/cms/payload/proof.ts";
import { isSameRelation, type VirtualField } from "../../../src/cms/payload/virtual-fields.ts";

const FIELD: VirtualField = { name: ["venueTitle"], source: ["venue", "title"] };

function answer(body: unknown) {
  return {
    status: 200,
    contentType: "application/json",
    contentEncoding: undefined,
    body: Buffer.from(JSON.stringify(body)),
  };
}

t.test("a proof holds for a record with the same relation", async (t) => {
  for (const [one, other] of [
    [3, { id: 3, tenant: 1 }],
    ["3", { id: 3 }],
    [null, null],
    [
      [1, 2],
      [{ id: 1 }, { id: 2 }],
    ],
    [
      { relationTo: "venues", value: 3 },
      { relationTo: "venues", value: { id: 3 } },
    ],
  ])
    t.ok(isSameRelation({ venue: one }, { venue: other }, FIELD), JSON.stringify([one, other]));
});

t.test("a proof does not hold if the relation has changed since, or is not shown", async (t) => {
  for (const [record, proof] of [
    [{ venue: 4 }, { venue: { id: 3 } }],
    [{ venue: null }, { venue: { id: 3 } }],
    [{ venue: 3 }, { venue: null }],
    [{ venue: [1] }, { venue: [{ id: 1 }, { id: 2 }] }],
    [{ venue: { relationTo: "halls", value: 3 } }, { venue: { relationTo: "venues", value: { id: 3 } } }],
    [{}, { venue: { id: 3 } }],
  ] as const)
    t.notOk(isSameRelation(record, proof, FIELD), JSON.stringify([record, proof]));
});

t.test("the proofs are the records of an answer by id", async (t) => {
  t.strictSame(
    [...proofsOf(answer({ docs: [{ id: 1, venue: null }, "no record"] }))],
    [["1", { id: 1, venue: null }]],
  );
  t.equal(proofsOf(answer({ errors: [] })).size, 0, "a refusal proves nothing");
  t.equal(proofsOf(undefined).size, 0);
});
