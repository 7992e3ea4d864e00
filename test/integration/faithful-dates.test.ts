import tap from "tap";
import { sqlClient } from "../support/cms/database.ts";
import { docsOf } from "../support/isolation.ts";
import { startKitchen } from "../support/kitchen/site.ts";

/** An invalid date, either stored in a record already or written by a partner. */

const kitchen = await startKitchen();
const { site, ask, payload } = kitchen;
const sql = sqlClient(payload);

const failures = () => site.gateway.lines().filter(({ code }) => code === "upstream.failed");

/** Stores a text in place of a date, as a draft can have it on SQLite. */
async function spoil(id: string | number): Promise<void> {
  await sql.execute(`UPDATE articles SET starts_at = 'notadate' WHERE id = ${id}`);
  await sql.execute(`UPDATE _articles_v SET version_starts_at = 'notadate' WHERE parent_id = ${id}`);
}

/** Creates articles with numbered titles and resolves with their ids in order of creation. */
async function articles(count: number, prefix: string): Promise<(string | number)[]> {
  const ids: (string | number)[] = [];
  for (let n = 0; n < count; n += 1) {
    const title = `${prefix} ${String(n).padStart(2, "0")}`;
    ids.push(
      await kitchen.made("articles", { title, content: prefix, startsAt: "2030-01-01T00:00:00.000Z" }),
    );
  }
  return ids;
}

await tap.test("a list leaves out a record that the CMS cannot read", async (t) => {
  const ids = await articles(25, "one");
  const bad = ids[12] ?? 0;
  await spoil(bad);
  const order = async (query: string) => {
    const { status, json } = await ask("GET", `tenant-a/articles?where[content][equals]=one&${query}`);
    t.equal(status, 200, query);
    return { ...json, docs: docsOf({ json }).map(({ id }) => id) };
  };
  const rest = ids.filter((id) => id !== bad);
  for (const more of ["", "&draft=true", "&depth=0", "&where[startsAt][exists]=true"]) {
    t.match(await order(`limit=100&sort=id${more}`), { docs: rest, totalDocs: 25, hasNextPage: false }, more);
    t.strictSame((await order(`limit=100&sort=-id${more}`)).docs, rest.toReversed(), more);
  }
  for (const sort of ["nosuch", "rows"])
    t.match(await order(`limit=100&pagination=false&sort=${sort}`), { docs: rest.toReversed() }, sort);
  const pages = [1, 2, 3].map((page) => order(`limit=10&sort=title&page=${page}`));
  t.match(await Promise.all(pages), [
    { docs: ids.slice(0, 10), totalDocs: 25, totalPages: 3, page: 1, hasNextPage: true, nextPage: 2 },
    { docs: ids.slice(10, 20).filter((id) => id !== bad), totalDocs: 25, page: 2, pagingCounter: 11 },
    { docs: ids.slice(20), totalDocs: 25, page: 3, hasNextPage: false },
  ]);
  const { json } = await ask(
    "GET",
    "tenant-a/articles?limit=100&where[content][equals]=one&select[title]=true",
  );
  t.equal(docsOf({ json }).length, 25, "a selection without the date includes the record");
  t.match((await ask("GET", "tenant-a/articles?limit=100")).json, { totalDocs: 25, docs: { length: 24 } });
  t.strictSame(failures(), [], "no failure of the CMS is logged");
  const told = site.gateway.lines().find(({ msg }) => msg === "records that the CMS cannot read");
  t.match(told, { level: 40, collection: "articles", ids: [bad], requestId: /^[\w-]{36}$/ });
});

await tap.test(
  "several unreadable records are left out, and a list with no other record is a 500",
  async (t) => {
    const ids = await articles(10, "two");
    const [first = 0, , , fourth = 0, , , , , , last = 0] = ids;
    for (const id of [first, fourth, last]) await spoil(id);
    const list = (where: string) =>
      ask("GET", `tenant-a/articles?sort=title&where[content][equals]=two&${where}`);
    const rest = ids.filter((id) => ![first, fourth, last].includes(id));
    t.strictSame(
      docsOf(await list("")).map(({ id }) => id),
      rest,
    );
    const { status, text } = await list(`where[title][equals]=two%2000`);
    t.equal(status, 500, text);
    t.equal(failures().length, 1);
  },
);

await tap.test("a draft with a value that the CMS cannot store is 422 with the field's path", async (t) => {
  const [id = 0] = await articles(1, "three");
  const body = { title: "a title", content: "words", startsAt: "notadate" };
  const wrong = { status: 422, json: { error: "Validation Failed", errors: [{ path: "startsAt" }] } };
  const before = failures().length;
  for (const path of [`articles/${id}?draft=true`, `articles/${id}?draft=true&locale=de`])
    t.match(await ask("PATCH", `tenant-a/${path}`, { body }), wrong, path);
  for (const startsAt of ["2030-13-45", "soon"])
    t.match(
      await ask("POST", "tenant-a/articles?draft=true", { body: { ...body, startsAt } }),
      wrong,
      startsAt,
    );
  const good = { ...body, startsAt: "2031-05-01" };
  t.match(await ask("POST", "tenant-a/articles?draft=true", { body: good }), { status: 201 });
  t.equal(failures().length, before, "no failure of the CMS is logged");
  const [other = 0] = await articles(1, "four");
  const told = await ask("PATCH", `tenant-a/articles/${other}`, { body: { ...body, _status: "published" } });
  t.match(told, { status: 422, json: { errors: [{ path: "startsAt" }] } }, "the CMS validates it itself");
});

await tap.test("a failure of the CMS at a draft write is still a 500", async (t) => {
  const before = failures().length;
  const { status } = await ask("POST", "tenant-a/works?draft=true", {
    body: { title: "x", refusal: "error" },
  });
  t.equal(status, 500);
  t.ok(failures().length > before);
});
