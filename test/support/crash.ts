/** Loaded into a gateway's process before it: by a signal it fails in the ways that no request's rescue sees. */
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
