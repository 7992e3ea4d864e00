import { inspect } from "node:util";
import t from "tap";
import {
  carriesApiKey,
  foldName,
  hasPlainFraming,
  nominatedNames,
  repeatsAny,
  valuesOf,
} from "../../../src/core/headers.ts";
import { Secret } from "../../../src/core/secret.ts";

t.test("names are folded: case, underscore and dot make no difference", async (t) => {
  for (const name of [
    "X-Basker-Tenant-Id",
    "x_basker_tenant_id",
    "x.basker.tenant.id",
    "X_Basker.Tenant-ID",
  ]) {
    t.equal(foldName(name), "x-basker-tenant-id");
  }
});

t.test("all values of a header are returned, in order", async (t) => {
  t.strictSame(valuesOf(["A", "1", "b", "2", "a", "3"], "a"), ["1", "3"]);
  t.ok(repeatsAny(["Host", "a", "hOST", "a"], ["host"]), "two equal values are a repetition");
  t.notOk(repeatsAny(["Host", "a"], ["host"]));
});

t.test("the names in all lines and lists of Connection are nominated", async (t) => {
  t.strictSame(
    [...nominatedNames(["Connection", "close, X-A", "connection", "x-b"])],
    ["close", "x-a", "x-b"],
  );
});

t.test("framing is plain only if it is unambiguous", async (t) => {
  t.ok(hasPlainFraming([], "1.1"));
  t.ok(hasPlainFraming(["Content-Length", "5"], "1.1"));
  t.ok(hasPlainFraming(["Transfer-Encoding", "chunked"], "1.1"));
  t.notOk(hasPlainFraming(["Transfer-Encoding", "chunked", "Content-Length", "5"], "1.1"));
  t.notOk(hasPlainFraming(["Transfer-Encoding", "gzip, chunked"], "1.1"));
  t.notOk(hasPlainFraming(["Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"], "1.1"));
  t.notOk(hasPlainFraming(["Transfer-Encoding", "identity"], "1.1"));
});

t.test("an API key is detected in any collection, case, position and number of headers", async (t) => {
  const keyed = [
    "users API-Key x",
    "admins api-key x",
    "USERS Api-KEY x",
    "API-Key x",
    "x API-Key",
    "JWT y, users API-Key x",
    " users  API-Key x",
    "users\tAPI-Key\tx",
  ];
  for (const value of keyed) t.ok(carriesApiKey(["Authorization", value]), value);
  t.ok(carriesApiKey(["Authorization", "JWT x", "AUTHORIZATION", "users API-Key y"]));
  for (const value of ["JWT eyJ.api-key.x", "Bearer api-keyish", "Basic YXBpLWtleQ=="])
    t.notOk(carriesApiKey(["authorization", value]), value);
  t.notOk(carriesApiKey(["cookie", "users API-Key x"]));
});

t.test("only Secret.reveal returns the value of a secret", async (t) => {
  const secret = new Secret("the-key");
  const shown = [
    String(secret),
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ secret }, { showHidden: true, depth: 9 }),
  ];
  for (const text of shown) t.notMatch(text, "the-key");
  t.equal(Secret.reveal(secret), "the-key");
});
