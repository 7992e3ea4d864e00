import type { Page } from "playwright-core";
import t, { type Test } from "tap";
import { startBrowser } from "../support/browser.ts";
import { startCms } from "../support/cms/server.ts";
import { startDeafCms } from "../support/deaf-cms.ts";
import { startFaultyLine } from "../support/faults.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { readPosts } from "../support/partner.ts";
import { PATIENCE_MS, until } from "../support/until.ts";

/** The status page as an operator sees it: in a real Chromium, from a real gateway in front of a real CMS. */

const [browser, cms] = await Promise.all([startBrowser(), startCms({ record: false })]);
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await browser.close();
  await line.close();
  await cms.close();
});

const SETTINGS = {
  partners: {
    collections: ["posts"],
    versionSettings: { "2025-07": { deprecation: "2026-02-01", sunset: "2026-03-01" } },
  },
  upstream: { breakerFailures: 2, breakerRetry: "200ms" },
};

async function gatewayFor(t: Test, env: Record<string, string> = {}): Promise<TestGateway> {
  const gateway = await startTestGateway(line.url, SETTINGS, { env });
  t.teardown(async () => {
    await gateway.stop();
    await line.heal();
  });
  return gateway;
}

/** Opens the page, and collects its errors, its warnings and its requests to other origins. */
async function open(t: Test, gateway: TestGateway, options: Parameters<typeof browser.newPage>[0] = {}) {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(PATIENCE_MS);
  t.teardown(() => page.close());
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => void complaints.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(gateway.adminUrl) && !url.startsWith("data:")) complaints.push(`asks ${url}`);
  });
  await page.goto(`${gateway.adminUrl}/`);
  await page.locator('[data-link="live"]').waitFor();
  return { page, complaints };
}

const heading = (page: Page, text: string) => page.getByRole("heading", { level: 1, name: text });

t.test("the page shows traffic, an outage and the recovery without a reload", async (t) => {
  const gateway = await gatewayFor(t);
  const { page, complaints } = await open(t, gateway);
  await heading(page, "No problems.").waitFor();
  t.equal(
    await page.locator(".empty", { hasText: "No key has been used" }).count(),
    1,
    "empty tables say so",
  );
  t.equal((await readPosts(gateway, "partnerA")).status, 200);
  const old = { authorization: `users API-Key ${cms.keys.partnerA}` };
  await fetch(`${gateway.url}/partners/2025-07/tenant-a/posts?limit=1`, { headers: old });
  await page
    .locator("#tenants")
    .getByRole("row", { name: /^tenant-a 1 0 0/ })
    .waitFor();
  await page.locator("#uses").getByText("Sunset 2026-03-01").waitFor();
  await page
    .locator("#findings, h1")
    .getByText("1 key still uses a version past its sunset.")
    .first()
    .waitFor();
  await page
    .locator("#tiers")
    .getByText(/\d lookups, /)
    .first()
    .waitFor();
  await line.refuse();
  // These are different reads at the same time: an open breaker lets at most one of them through.
  const list = (limit: number) =>
    fetch(`${gateway.url}/partners/2026-02/tenant-a/posts?limit=${limit}`, { headers: old });
  await until("a request that the open breaker refuses", async () =>
    (await Promise.all([1, 2, 3].map(list))).some(({ status }) => status === 503),
  );
  await heading(page, "The CMS does not answer.").waitFor();
  await page.locator("#refusals").getByText("the breaker is open").first().waitFor();
  await until("the tab's title to show it", async () =>
    (await page.title()).startsWith("The CMS does not answer."),
  );
  t.match(await page.locator('.tile[data-tone="bad"]').allInnerTexts(), [
    /Failed/,
    /CMS\s+down\s+breaker open/,
  ]);
  await line.heal();
  await page.locator(".tile", { hasText: /^CMS\s*answers/ }).waitFor();
  t.strictSame(complaints, [], "no error, no violation of the page's policy, no request to another origin");
});

t.test("the page shows a breach before all else, and a withheld value is not a breach", async (t) => {
  const deaf = await startDeafCms(cms.url);
  t.teardown(() => deaf.close());
  const gateway = await startTestGateway(deaf.url, { partners: { collections: ["events", "posts"] } });
  t.teardown(() => gateway.stop());
  const { page, complaints } = await open(t, gateway);
  await page.locator("#breaches").getByText("No breach since the start.").waitFor();
  await page.locator("#withheld").getByText("No value withheld since the start.").waitFor();
  const ask = (path: string) =>
    fetch(`${gateway.url}/partners/2026-02/tenant-a/${path}`, {
      headers: { authorization: `users API-Key ${cms.keys.partnerA}` },
    });
  t.equal((await ask("events/3?depth=1")).status, 200);
  await page
    .locator("#withheld")
    .getByRole("row", { name: /events venue relation withheld 1$/ })
    .waitFor();
  t.equal(await heading(page, "No problems.").count(), 1);
  const answer = await ask("posts/49");
  t.equal(answer.status, 500);
  await page
    .locator("#breaches")
    .getByRole("row", { name: /main posts answered 500 1 / })
    .getByText(answer.headers.get("x-request-id") ?? "")
    .waitFor();
  await heading(page, "The CMS sent 1 record of other tenants.").waitFor();
  t.strictSame(complaints, []);
});

t.test("no text of a client, of a tenant or of the CMS is rendered as markup", async (t) => {
  const gateway = await gatewayFor(t);
  const attack = `<img src=x onerror="document.title='owned'">`;
  const slug = `${attack}<script>document.title='owned'</script>`;
  const { id } = await cms.payload.create({ collection: "tenants", data: { name: "Bad", slug } });
  t.teardown(() => cms.payload.delete({ collection: "tenants", id }));
  const headers = {
    authorization: `users API-Key ${cms.keys.admin}`,
    "x-basker-tenant-slug": slug,
    "x-request-id": attack,
  };
  const listed = await fetch(`${gateway.url}/partners/2026-02/${encodeURIComponent(attack)}/posts`, {
    headers,
  });
  t.equal(listed.status, 200, "a tenant with that name exists");
  for (const path of [
    "2026-02/x/nothing",
    `${encodeURIComponent(attack)}/x/posts`,
    "2026-02/x/posts/%3Cscript%3E",
  ])
    await fetch(`${gateway.url}/partners/${path}`, { headers });
  const { page, complaints } = await open(t, gateway);
  await page.locator("#tenants").getByText(slug, { exact: true }).waitFor();
  await page.locator("#refusals").getByText(`client's id: ${attack}`).first().waitFor();
  t.equal(await page.locator("main img, main script").count(), 0);
  t.not(await page.title(), "owned");
  t.strictSame(complaints, []);
});

t.test("the page reports a lost connection, and reconnects", async (t) => {
  const first = await startTestGateway(line.url, SETTINGS);
  const { page } = await open(t, first);
  await first.stop();
  await heading(page, "No data from the gateway since").waitFor();
  t.equal(await page.locator("body").getAttribute("data-link"), "lost");
  await gatewayFor(t, { ADMIN_PORT: String(first.adminPort) });
  await page.locator('[data-link="live"]').waitFor();
  await heading(page, "No problems.").waitFor();
});

t.test("the page works on a phone, by keyboard and with a screen reader, in light and in dark", async (t) => {
  const gateway = await gatewayFor(t);
  await readPosts(gateway, "partnerA");
  await readPosts(gateway, "disabled");
  for (const colorScheme of ["light", "dark"] as const) {
    const { page } = await open(t, gateway, { colorScheme, viewport: { width: 360, height: 740 } });
    await page.locator("#refusals").getByText("key.rejected").waitFor();
    const overflow = await page.evaluate<number>(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    t.equal(overflow, 0, `${colorScheme}: no horizontal overflow`);
    t.strictSame(await page.evaluate<string[]>(FAINT), [], `${colorScheme}: contrast of at least 4.5 to 1`);
    t.strictSame(await page.evaluate<string[]>(CROWDED), [], `${colorScheme}: no label overlaps another`);
    t.equal(await page.getByRole("meter").count(), 2);
    const chart = page.getByRole("img", { name: /^Partner requests per second/ });
    await chart.focus();
    await page.keyboard.press("ArrowLeft");
    await page.locator("#requests-chart .when").waitFor();
    await page.getByRole("searchbox", { name: "Filter" }).fill("no such thing");
    await page.locator("#refusals").getByText("No refusal matches").waitFor();
    await page.getByRole("searchbox", { name: "Filter" }).fill("key.rej");
    await page.getByRole("radio", { name: "CMS, gateway" }).check();
    await page.locator("#refusals").getByText("No refusal matches").waitFor();
  }
});

t.test("with a token, the browser's password prompt opens the page", async (t) => {
  const adminToken = "the-token-of-the-admin-port";
  const gateway = await gatewayFor(t, { ADMIN_TOKEN: adminToken });
  const httpCredentials = { username: "admin", password: adminToken };
  const { page } = await open(t, gateway, { httpCredentials });
  await heading(page, "No problems.").waitFor();
});

/** Labels at the foot of a chart that overlap the next one. */
const CROWDED = `[...document.querySelectorAll("svg")].flatMap((chart) => {
  const labels = [...chart.querySelectorAll("text")].filter(({ textContent }) => / min|^now/.test(textContent));
  const boxes = labels.map((label) => label.getBoundingClientRect());
  return labels.filter((_, i) => boxes[i].right >= boxes[i + 1]?.left).map(({ textContent }) => textContent);
})`;

/** Elements whose text has less contrast than WCAG 2.2, 1.4.3 requires. */
const FAINT = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    if (!own || element.closest("noscript, script, .skip, .hidden") !== null) continue;
    const style = getComputedStyle(element);
    const text = light(rgb(element instanceof SVGElement ? style.fill : style.color));
    const back = light(behind(element));
    const ratio = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
    if (ratio < 4.5) faint.push(element.className + " " + element.textContent + " " + ratio.toFixed(2));
  }
  return faint;
})()`;
