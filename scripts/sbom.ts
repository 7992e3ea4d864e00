import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * `npm run sbom`: prints the bill of materials (CycloneDX, JSON) of the runtime dependencies. npm makes it
 * from a lock file without development dependencies: npm 11's own `--omit=dev` also omits packages that both
 * kinds need (undici, half of pino), and names the project after its folder.
 */

interface Manifest {
  readonly name: string;
  readonly devDependencies?: unknown;
}
interface Lock {
  readonly packages: Readonly<Record<string, { readonly devDependencies?: unknown }>>;
}

/** The bill of the project whose `package.json` and `package-lock.json` are in `root`. Throws npm's error. */
export function billOfMaterials(root: string): string {
  const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const lock: Lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  // npm lists only packages that the root depends on, so the rest of the lock file is left out.
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
