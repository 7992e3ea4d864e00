/** Preloaded into a gateway's process: at a signal it fails in ways that no request handler catches. */
const fault = (): Error => new Error(process.env["CRASH_TEXT"] ?? "staged");
process.on("SIGUSR2", () => {
  setImmediate(() => {
    throw fault();
  });
});
process.on("SIGHUP", () => {
  void Promise.reject(fault());
});
process.on("SIGWINCH", () => {
  for (const kept: object[][] = []; ;) kept.push(Array.from({ length: 10_000 }, () => ({})));
});
