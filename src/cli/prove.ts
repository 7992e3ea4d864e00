import { proveIsolation } from "../prove/prove.ts";
import { printReport } from "../prove/report.ts";
import { EXIT, type Command } from "./command.ts";
import { FLAGS, readOptions } from "./prove-options.ts";

/** `partners-gateway prove`. */
export const prove: Command = {
  synopsis: "--gateway <url> --tenant-a <slug> --tenant-b <slug>",
  about:
    "Tries, with the keys of two tenants, to access one tenant's data with the other's key: every operation, every way\n" +
    "to name a tenant, every spelling and every encoding that is known to have broken a gateway. It only reads, unless\n" +
    "--write --yes is given; then it works on records that it creates and removes. Exits 0 if every case holds.",
  flags: FLAGS,
  examples: [
    "PROVE_KEY_A=… PROVE_KEY_B=… partners-gateway prove --gateway https://staging.example.com --tenant-a acme --tenant-b globex",
    "partners-gateway prove --gateway http://127.0.0.1:8080 --tenant-a acme --tenant-b globex --shared events,venues",
    "partners-gateway prove … --write --samples samples.json --yes --json > proof.json",
  ],
  async run(given, io) {
    const options = readOptions(given, io);
    const report = await proveIsolation(options, io);
    if (options.isJson) io.out(JSON.stringify(report));
    else printReport(report, io);
    return report.holds ? EXIT.ok : EXIT.failed;
  },
};
