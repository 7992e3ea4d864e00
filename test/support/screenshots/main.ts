import { join } from "node:path";
import type { Browser } from "playwright-core";
import { startBrowser } from "../browser.ts";
import { openScene } from "./scene.ts";

/**
 * `npm run screenshots`: writes the status page, idle and under load with a CMS that has just gone down, into
 * docs/screenshots.
 */

const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const folder = process.argv[2] ?? join(import.meta.dirname, "../../../docs/screenshots");

const [browser, scene] = await Promise.all([startBrowser(), openScene()]);
await shoot(browser, { name: "status-idle-light", colorScheme: "light", viewport: WIDE });
await shoot(browser, { name: "status-idle-dark", colorScheme: "dark", viewport: WIDE });
await scene.play();
await shoot(browser, { name: "status-failing-light", colorScheme: "light", viewport: WIDE });
await shoot(browser, { name: "status-failing-dark", colorScheme: "dark", viewport: WIDE });
await shoot(browser, { name: "status-failing-phone", colorScheme: "dark", viewport: PHONE, first: true });
await browser.close();
await scene.close();

interface Shot {
  readonly name: string;
  readonly colorScheme: "light" | "dark";
  readonly viewport: { readonly width: number; readonly height: number };
  /** Only the part visible without scrolling. */
  readonly first?: boolean;
}

async function shoot(from: Browser, { name, first = false, ...look }: Shot): Promise<void> {
  const page = await from.newPage(look);
  await page.goto(`${scene.adminUrl}/`);
  await page.locator('[data-link="live"]').waitFor();
  // A second snapshot, because the first is rendered before the charts have their width.
  await page.waitForTimeout(2_500);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: !first });
  await page.close();
}
