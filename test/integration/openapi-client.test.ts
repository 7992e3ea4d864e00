import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import tap from "tap";
import { parse } from "yaml";
import { startCms } from "../support/cms/server.ts";
import { typesOf } from "../support/openapi/types.ts";
import { typeCheck } from "../support/type-check.ts";
import { openHouse } from "./support-contract.ts";

const support = join(import.meta.dirname, "../support");
const cms = await startCms();
tap.teardown(() => cms.close());

await tap.test(
  "a client generated from the description type-checks, and works against the demo",
  async (t) => {
    const demo: Record<string, unknown> = parse(readFileSync(join(support, "demo/config.yaml"), "utf8"));
    const { ask, url } = await openHouse(t, cms.url, demo);
    const described = await ask("GET /partners/openapi.json");
    const dir = t.testdir({
      "api.ts": await typesOf(described.text),
      "client.ts": readFileSync(join(support, "openapi/client.txt"), "utf8"),
      "tsconfig.json": JSON.stringify({
        extends: join(import.meta.dirname, "../../tsconfig.json"),
        compilerOptions: { noEmit: true, types: [] },
        include: ["*.ts"],
      }),
    });
    const { output, status } = await typeCheck(join(dir, "tsconfig.json"));
    t.equal(output, "", "the type checker reports nothing");
    t.equal(status, 0);

    const client: { tour(baseUrl: string, key: string): Promise<string[]> } = await import(
      pathToFileURL(join(dir, "client.ts")).href
    );
    t.same(await client.tour(url, cms.keys.partnerA), [
      "list of 2, pages 24",
      "found A event 7",
      "created 201",
      "changed 200",
      "removed 200",
      "404 Document not found for tenant 36",
      "422 startDate",
    ]);
  },
);
