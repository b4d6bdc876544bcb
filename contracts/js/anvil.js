// A chain for tests and examples: anvil as npm brought it, on a free port, in memory.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { JsonRpcProvider } from "ethers";

const require = createRequire(import.meta.url);
const system = { linux: "linux", darwin: "darwin", win32: "win32" }[process.platform];
const processor = { x64: "amd64", arm64: "arm64" }[process.arch];

/** @returns {Promise<{rpc: string, provider: JsonRpcProvider, stop: () => Promise<void>}>} */
export async function startAnvil() {
  const manifest = require.resolve(`@foundry-rs/anvil-${system}-${processor}/package.json`);
  const binary = join(dirname(manifest), "bin", process.platform === "win32" ? "anvil.exe" : "anvil");
  const child = spawn(binary, ["--port", "0", "--host", "127.0.0.1"], { stdio: ["ignore", "pipe", "inherit"] });
  let rpc;
  for await (const line of createInterface({ input: child.stdout })) {
    const found = line.match(/Listening on (\S+)/);
    if (found) {
      rpc = `http://${found[1]}`;
      break;
    }
  }
  if (!rpc) throw new Error("anvil ended before it listened");
  child.stdout.resume();
  const provider = new JsonRpcProvider(rpc, undefined, { cacheTimeout: -1, pollingInterval: 50 });
  const stop = async () => {
    provider.destroy();
    const over = once(child, "exit");
    child.kill();
    await over;
  };
  return { rpc, provider, stop };
}
