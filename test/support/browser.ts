import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const MISSING =
  "The tests of the status page need Chromium, and none was found: apt-get install chromium, or set CHROMIUM_PATH";
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/**
 * Starts a real Chromium, which connects only to the page's own server. Throws an error with installation
 * advice if there is none.
 */
export async function startBrowser(): Promise<Browser> {
  const given = process.env["CHROMIUM_PATH"];
  const executablePath = (given === undefined ? PLACES : [given]).find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error(MISSING);
  return chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
