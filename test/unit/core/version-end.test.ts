import { validateHeaderValue } from "node:http";
import t from "tap";
import { endHeaders } from "../../../src/core/version-end.ts";

t.test("a configured link is serialised to a valid header value", (t) => {
  const { link = "" } = endHeaders({ sunset: "2027-01-01", link: 'https://例え.test/a b?c>="d"' });
  t.equal(link, '<https://xn--r8jz45g.test/a%20b?c%3E=%22d%22>; rel="sunset"; type="text/html"');
  t.doesNotThrow(() => validateHeaderValue("link", link));
  t.end();
});
