import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const MISSING =
  "The status page is tested in Chromium, and there is none: apt-get install chromium, or name one in CHROMIUM_PATH";
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** A real Chromium, that asks nobody but the page's own server. Throws, with what to install, where there is none. */
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
