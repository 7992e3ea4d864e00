import t from "tap";
import { parseTarget } from "../../../src/core/path.ts";
import {
  createChooseUpstream,
  upstreamFor,
  type UpstreamRoutes,
} from "../../../src/partners/stages/choose-upstream.ts";

const ROUTES: UpstreamRoutes = {
  fallback: "default",
  versions: new Map([["2025-07", "old"]]),
  tenants: new Map([["acme", "third"]]),
  slugHeader: "x-slug",
};
const choose = createChooseUpstream(ROUTES);
const chosen = (path: string, headers: string[] = []) =>
  choose({ target: parseTarget(path), headers }).upstream;

t.test("chooses the tenant's upstream, else the version's, else the default", async (t) => {
  t.equal(chosen("/partners/2026-02/x/events"), "default");
  t.equal(chosen("/partners/2025-07/x/events"), "old");
  t.equal(chosen("/partners/2025-07/acme/events"), "third");
  t.equal(chosen("/partners/2026-02/acme"), "third");
  t.equal(chosen("/partners/2025-07"), "old");
  t.equal(chosen("/partners/2024-01/x/events"), "default", "an unknown version");
});

t.test(
  "a slug header takes precedence over the path, in every form that the tenant stage reads",
  async (t) => {
    t.equal(chosen("/partners/2026-02/x/events", ["X-Slug", "acme"]), "third");
    t.equal(chosen("/partners/2026-02/x/events", ["x-slug", " , acme"]), "third");
    t.equal(
      chosen("/partners/2026-02/acme/events", ["x-slug", ""]),
      "third",
      "an empty header counts as absent",
    );
    t.equal(chosen("/partners/2026-02/acme/events", ["x-slug", "other"]), "default");
  },
);

t.test("names of Object.prototype's members are ordinary names", async (t) => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    t.equal(chosen(`/partners/${name}/${name}/events`), "default");
    t.equal(upstreamFor(ROUTES, name, name), "default");
  }
});
