import type { TestGateway } from "./gateway.ts";

/** The samples of one metric on a gateway's page: labels, sorted, as `name=value`, to the value. */
export async function samplesOf(
  gateway: Pick<TestGateway, "adminUrl">,
  metric: string,
): Promise<Record<string, number>> {
  const page = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const samples: Record<string, number> = {};
  for (const line of page.split("\n")) {
    const [, labels = "", value = ""] = new RegExp(`^${metric}\\{(.*)\\} (.+)$`).exec(line) ?? [];
    if (value !== "") samples[labels.replaceAll('"', "")] = Number(value);
  }
  return samples;
}
