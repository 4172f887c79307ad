// The client of Restate for `make bench-engine`: `client.mjs INGRESS` says `ready`, then answers each order on standard
// input, `LAYERS WIDTH KIND RUNS LOG KEY`, with milliseconds. What the words mean stands in bench/engine/src/order.rs.

import { createInterface } from "node:readline";

const ingress = process.argv[2];

// Starts one run, and waits for its end, unless it is to wait for ever.
async function call(order, key) {
  const kind = order.kind === "wait" ? "run/send" : "run";
  const answer = await fetch(`${ingress}/Bench/${kind}`, {
    method: "POST",
    // The same key after a crash finds the same run.
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(order),
  });
  const body = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${body}`);
}

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const [layers, width, kind, runs, log, key] = line.split(" ");
  const order = { layers: Number(layers), width: Number(width), kind, log };
  const start = performance.now();
  await Promise.all(Array.from({ length: Number(runs) }, (_, nth) => call(order, `${key}-${nth}`)));
  console.log((performance.now() - start).toFixed(2));
}
