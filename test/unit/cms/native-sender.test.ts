import t from "tap";
import { namesUser, senderQuestion } from "../../../src/cms/payload/native-sender.ts";
import { payloadSettings } from "../../../src/cms/payload/settings.ts";
import { configFor } from "../../support/gateway.ts";

// The question who has sent a native request: with its own credentials, in the collection that these say.

const settings = payloadSettings(configFor("http://127.0.0.1:1", {}));
const tokenOf = (claims: unknown): string =>
  `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.y`;

function question(...rawHeaders: string[]) {
  return senderQuestion({ method: "POST", target: "/admin", rawHeaders }, settings);
}

t.test("a request without credentials has no sender to ask about", async (t) => {
  t.equal(question("Host", "x", "Origin", "http://x"), undefined);
});

t.test(
  "credentials go on as they came, with what Payload believes a cookie by, and nothing else",
  async (t) => {
    const headers = ["Cookie", "a=b", "Origin", "http://x", "Sec-Fetch-Site", "same-origin", "X-Other", "c"];
    t.strictSame(question(...headers), {
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

t.test("a user is asked for in the collection that its token names, if that can be one", async (t) => {
  const targetOf = (token: string): (string | undefined)[] => [
    question("Authorization", `JWT ${token}`)?.target,
    question("Cookie", `a=b; payload-token=${token}`)?.target,
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

t.test("an answer names a user or nobody", async (t) => {
  t.ok(namesUser({ user: { id: 1 } }));
  for (const user of [null, undefined, {}, "1"]) t.notOk(namesUser({ user }));
});
