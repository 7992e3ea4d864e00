import { request } from "node:http";

/**
 * Downloads or uploads that many bytes. Argument: JSON as `Transfer`. Prints JSON as `Transferred`; fails if
 * bytes are missing.
 */
export interface Transfer {
  readonly url: string;
  readonly direction: "download" | "upload";
  readonly bytes: number;
}

export interface Transferred {
  readonly seconds: number;
}

const { url, direction, bytes }: Transfer = JSON.parse(process.argv[2] ?? "{}");
const isUpload = direction === "upload";
const begun = performance.now();
const call = request(`${url}?bytes=${bytes}`, {
  method: isUpload ? "PUT" : "GET",
  ...(isUpload && { headers: { "content-type": "application/octet-stream", "content-length": bytes } }),
});
call.on("response", (response) => {
  let [count, text] = [0, ""];
  response.on("data", (data: Buffer) => {
    count += data.length;
    if (isUpload) text += data.toString();
  });
  response.on("end", () => {
    const arrived = isUpload ? Number(text) : count;
    if (response.statusCode !== 200 || arrived !== bytes)
      throw new Error(
        `${direction}: status ${response.statusCode ?? 0}, ${arrived} of ${bytes} bytes: ${text}`,
      );
    const result: Transferred = { seconds: (performance.now() - begun) / 1_000 };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });
});

if (isUpload) {
  const chunk = Buffer.alloc(2 ** 16, "x");
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left);
      left -= part.length;
      if (!call.write(part)) return void call.once("drain", more);
    }
    call.end();
  };
  more();
} else call.end();
