// Jobs by node's own fetch.
//
//     node bench/peers/fetch.mjs URL JOBS AT_A_TIME
const [url, jobs, atATime] = [process.argv[2], +process.argv[3], +process.argv[4]];
const headers = { "x-api-key": "SG_0123456789abcdef", "content-type": "application/json" };

async function ask(path, options = {}) {
  return (await fetch(url + path, { headers, ...options })).json();
}

async function makeOne(seed) {
  const body = JSON.stringify({ prompt: "a lighthouse", seed });
  const { request_id } = await ask("/v2/flux-kontext-pro", { method: "POST", body });
  const job = "/v2/requests/" + request_id;
  while ((await ask(job + "/status")).status !== "COMPLETED");
  return (await ask(job)).output;
}

async function run(count) {
  let started = 0;
  const worker = async () => {
    while (started < count) await makeOne(++started);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

await run(100);
const cpu = process.cpuUsage();
const wall = performance.now();
await run(jobs);
const { user, system } = process.cpuUsage(cpu);
console.log(`jobs=${jobs} cpu_us=${user + system} wall_us=${Math.round((performance.now() - wall) * 1000)}`);
