import type { TestGateway } from "./gateway.ts";

/**
 * The samples of one metric on a gateway's page: labels, sorted, as `name=value`, to the value. `token`: the
 * admin port's.
 */
export async function samplesOf(
  gateway: Pick<TestGateway, "adminUrl">,
  metric: string,
  token?: string,
): Promise<Record<string, number>> {
  const page = await (
    await fetch(`${gateway.adminUrl}/metrics`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    })
  ).text();
  const samples: Record<string, number> = {};
  for (const line of page.split("\n")) {
    const [, labels = "", value = ""] = new RegExp(`^${metric}\\{(.*)\\} (.+)$`).exec(line) ?? [];
    if (value !== "") samples[labels.replaceAll('"', "")] = Number(value);
  }
  return samples;
}
