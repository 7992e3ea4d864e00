import t from "tap";
import { namesUser, senderLookup } from "../../../src/cms/payload/native-sender.ts";
import { payloadSettings } from "../../../src/cms/payload/settings.ts";
import { configFor } from "../../support/gateway.ts";

// The lookup of a native request's sender: with the request's own credentials, in the collection that they
// name.

const settings = payloadSettings(configFor("http://127.0.0.1:1", {}));
const tokenOf = (claims: unknown): string =>
  `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.y`;

function lookupFor(...rawHeaders: string[]) {
  return senderLookup({ method: "POST", target: "/admin", rawHeaders }, settings);
}

t.test("a request without credentials causes no sender lookup", async (t) => {
  t.equal(lookupFor("Host", "x", "Origin", "http://x"), undefined);
});

t.test(
  "forwards the credentials unchanged, with the headers that decide whether Payload accepts a cookie, and nothing else",
  async (t) => {
    const headers = ["Cookie", "a=b", "Origin", "http://x", "Sec-Fetch-Site", "same-origin", "X-Other", "c"];
    t.strictSame(lookupFor(...headers), {
      method: "GET",
      target: "/api/users/me?depth=0",
      headers: [
        "accept",
        "application/json",
        "cookie",
        "a=b",
        "origin",
        "http://x",
        "sec-fetch-site",
        "same-origin",
      ],
    });
  },
);

t.test("looks a user up in the collection that its token names, if the name is valid", async (t) => {
  const targetOf = (token: string): (string | undefined)[] => [
    lookupFor("Authorization", `JWT ${token}`)?.target,
    lookupFor("Cookie", `a=b; payload-token=${token}`)?.target,
  ];
  const admins = "/api/admins/me?depth=0";
  const users = "/api/users/me?depth=0";
  t.strictSame(targetOf(tokenOf({ collection: "admins" })), [admins, admins]);
  for (const token of [
    tokenOf({ collection: "../events" }),
    tokenOf({ collection: 1 }),
    tokenOf(null),
    "x.{.y",
    "x",
  ])
    t.strictSame(targetOf(token), [users, users]);
});

t.test("tells an answer with a user from one without", async (t) => {
  t.ok(namesUser({ user: { id: 1 } }));
  for (const user of [null, undefined, {}, "1"]) t.notOk(namesUser({ user }));
});
