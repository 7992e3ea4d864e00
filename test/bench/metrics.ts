/** The sum of a metric's samples whose labels contain all of `labels`, from the page of /metrics. */
export function sumOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const line of page.split("\n")) {
    const [, of, list = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (of === name && wanted.every((pair) => list.split(",").includes(pair))) sum += Number(value);
  }
  return sum;
}

/** The page of a gateway's metrics. */
export async function metricsOf(adminUrl: string): Promise<string> {
  return (await fetch(`${adminUrl}/metrics`)).text();
}
