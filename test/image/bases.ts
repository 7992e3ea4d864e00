import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/**
 * Builds the Dockerfile's two base images from this machine's files (Linux with glibc), for use without an
 * image registry. They have the same contents as the real ones, but other versions: for testing only.
 */

/** The names of the base images, as `docker build` takes them. */
export const LOCAL_BASES = {
  BUILD_BASE: "partners-gateway-build-base:local",
  BASE: "partners-gateway-base:local",
};

const NODE = "/usr/local/bin/node";
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
/** The programs that the Dockerfile's build stage and npm's scripts call. */
const TOOLS = ["/bin/sh", "/usr/bin/env", "/usr/bin/find"];
const USERS =
  "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n";

/** Builds both with docker's engine. Throws an error that names what is missing on this machine. */
export function makeLocalBases(): void {
  const { BUILD_BASE, BASE } = LOCAL_BASES;
  importImage(BASE, { WORKDIR: "/home/nonroot", USER: "65532:65532" }, (root) => {
    for (const library of librariesOf(process.execPath)) put(root, library);
  });
  importImage(BUILD_BASE, { ENV: `PATH=${dirname(NODE)}:/usr/bin:/bin` }, (root) => {
    put(root, process.execPath, NODE);
    for (const program of [process.execPath, ...TOOLS])
      for (const library of librariesOf(program)) put(root, library);
    for (const tool of TOOLS) put(root, tool);
    putNpm(root);
  });
}

/** Imports an image with the files that `fill` puts under a root and those that every base has. */
function importImage(name: string, settings: Record<string, string>, fill: (root: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "base-"));
  try {
    const root = join(dir, "root");
    for (const path of ["tmp", "etc", "root", "home/nonroot"])
      mkdirSync(join(root, path), { recursive: true });
    chmodSync(join(root, "tmp"), 0o1777);
    writeFileSync(join(root, "etc/passwd"), USERS);
    writeFileSync(join(root, "etc/group"), "root:x:0:\nnonroot:x:65532:\n");
    writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
    if (existsSync(CERTIFICATES)) put(root, CERTIFICATES);
    fill(root);
    const archive = join(dir, "root.tar");
    execFileSync("tar", ["-C", root, "--owner=0", "--group=0", "-cf", archive, "."]);
    const changes = Object.entries(settings).flatMap(([word, value]) => ["--change", `${word} ${value}`]);
    execFileSync("docker", ["import", ...changes, archive, name], { stdio: ["ignore", "ignore", "inherit"] });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The shared libraries of a program, including its loader, by the paths where it looks for them. */
function librariesOf(program: string): string[] {
  const told = execFileSync("ldd", [program], { encoding: "utf8" });
  return [...told.matchAll(/^\t(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
}

/** Copies the file behind a path. */
function put(root: string, path: string, as = path): void {
  mkdirSync(join(root, dirname(as)), { recursive: true });
  copyFileSync(path, join(root, as));
}

/** Copies this machine's npm with its registry and the certificates for it, without credentials. */
function putNpm(root: string): void {
  const cli = process.env["npm_execpath"];
  if (cli === undefined) throw new Error("npm's path is known only under `npm run`");
  const ask = (name: string): string =>
    execFileSync(process.execPath, [cli, "config", "get", name], { encoding: "utf8", cwd: tmpdir() }).trim();
  cpSync(join(dirname(cli), ".."), join(root, "usr/local/lib/node_modules/npm"), {
    recursive: true,
    dereference: true,
  });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, dirname(NODE), "npm"));
  const settings = [`registry=${ask("registry")}`];
  const trusted = [ask("cafile"), process.env["NODE_EXTRA_CA_CERTS"] ?? ""].find((path) => existsSync(path));
  if (trusted !== undefined) {
    put(root, trusted, "/usr/local/etc/npm-certificates.pem");
    settings.push("cafile=/usr/local/etc/npm-certificates.pem");
  }
  mkdirSync(join(root, "usr/local/etc"), { recursive: true });
  writeFileSync(join(root, "usr/local/etc/npmrc"), `${settings.join("\n")}\n`);
}
