/**
 * Ends the process with a clear message on a Node that is too old. Without the check the first sign is a
 * syntax error.
 */
export function refuseOldNode(): void {
  const [major = 0] = process.versions.node.split(".").map(Number);
  if (major >= 24) return;
  process.stderr.write(`partners-gateway needs Node.js 24 or newer; this is ${process.version}.\n`);
  process.exit(1);
}
