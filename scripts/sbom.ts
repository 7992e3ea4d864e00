import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * `npm run sbom`: the bill of materials (CycloneDX, JSON) of what runs, on standard output. It is npm's, of a lock file
 * that asks for nothing for development: asked to omit that itself, npm 11 omits whatever development needs as well
 * (undici, half of pino), and calls the project by its folder's name.
 */

interface Manifest {
  readonly name: string;
  readonly devDependencies?: unknown;
}
interface Lock {
  readonly packages: Readonly<Record<string, { readonly devDependencies?: unknown }>>;
}

/** The bill of the project whose `package.json` and `package-lock.json` lie in `root`. Throws what npm says. */
export function billOfMaterials(root: string): string {
  const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const lock: Lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  // Nobody then asks for the rest of the lock file, and npm lists only what somebody asks for.
  const packages = { ...lock.packages, "": { ...lock.packages[""], devDependencies: undefined } };
  const dir = mkdtempSync(join(tmpdir(), "sbom-"));
  try {
    const project = join(dir, manifest.name);
    mkdirSync(project);
    write(join(project, "package.json"), { ...manifest, devDependencies: undefined });
    write(join(project, "package-lock.json"), { ...lock, packages });
    const flags = ["--package-lock-only", "--sbom-format=cyclonedx", "--sbom-type=application"];
    return execFileSync("npm", ["sbom", ...flags], {
      cwd: project,
      encoding: "utf8",
      maxBuffer: 64 * 1_024 * 1_024,
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function write(path: string, value: unknown): void {
  writeFileSync(path, JSON.stringify(value));
}

if (import.meta.main) process.stdout.write(billOfMaterials(join(import.meta.dirname, "..")));
