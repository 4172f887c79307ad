// The worker of Restate for `make bench-engine`: `worker.mjs PORT` serves the steps, on loopback.

import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createServer } from "node:http2";

// The SDK expects a newer Node than 20.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
};
const restate = await import("@restatedev/restate-sdk");

const LONG = 24 * 3600 * 1000;

// What one step does.
function work(number, kind, log) {
  if (kind === "sh") spawnSync("sh", ["-c", "true"]);
  if (kind === "effect") appendFileSync(log, `${number} ${Date.now()}\n`);
  return number;
}

async function run(ctx, { layers, width, kind, log }) {
  if (kind === "wait") return await ctx.sleep(LONG);
  for (let layer = 0; layer < layers; layer++) {
    const steps = Array.from({ length: width }, (_, nth) => {
      const number = layer * width + nth;
      return ctx.run(`s${number}`, () => work(number, kind, log));
    });
    await (width > 1 ? restate.RestatePromise.all(steps) : steps[0]);
  }
}

const service = restate.service({ name: "Bench", handlers: { run } });
// `restate.serve` would listen on every interface.
createServer(restate.createEndpointHandler({ services: [service] })).listen(Number(process.argv[2]), "127.0.0.1");
