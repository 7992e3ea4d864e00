import t from "tap";
import { adminUrl } from "../../../src/cli/admin.ts";

const none = { text: () => undefined, texts: () => [], has: () => false, positionals: [] };

t.test("the admin URL follows the environment variables of the gateway", (t) => {
  for (const [env, expected] of [
    [{}, "http://127.0.0.1:9090/purge"],
    [{ ADMIN_HOST: "", ADMIN_PORT: "" }, "http://127.0.0.1:9090/purge"],
    [{ ADMIN_HOST: "::1", ADMIN_PORT: "9" }, "http://[::1]:9/purge"],
    [{ ADMIN_HOST: "gateway-1" }, "http://gateway-1:9090/purge"],
  ] as const)
    t.equal(adminUrl(none, { env }, "/purge").href, expected);
  t.end();
});
