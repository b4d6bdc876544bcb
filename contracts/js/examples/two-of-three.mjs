// Two of three operators register an asset: node examples/two-of-three.mjs
// Against a chain of its own (anvil), so that it can be run anywhere.
import { pathToFileURL } from "node:url";
import { ContractFactory, ZeroAddress, id } from "ethers";
import { artifactOf, connectToContract } from "../index.js";
import { execute, makeSafe, signCall } from "../safe.js";
import { startAnvil } from "../anvil.js";

const OPERATOR = 1n;
const SOLAR = 0;
const FREE = 0;

/** Deploys a Safe of three and the assets, and has two of the three register one. */
export async function twoOfThree(provider) {
  const deployer = await provider.getSigner(0);
  const owners = await Promise.all([1, 2, 3].map((number) => provider.getSigner(number)));
  const safe = await makeSafe(deployer, owners.map((owner) => owner.address), 2);

  const deploy = async (name, ...words) => {
    const { abi, bytecode } = await artifactOf(name);
    return (await new ContractFactory(abi, bytecode, deployer).deploy(...words)).waitForDeployment();
  };
  const manager = await deploy("AccessManager", deployer.address);
  const assets = await deploy("EnergyAssetNFT", await manager.getAddress());
  const [to, book] = [await assets.getAddress(), {}];
  await (await manager.grantRole(OPERATOR, await safe.getAddress(), 0)).wait();
  await (await manager.setTargetFunctionRole(to, [assets.getFunction("register").fragment.selector], OPERATOR)).wait();
  book[(await provider.getNetwork()).chainId] = { EnergyAssetNFT: to };

  const call = assets.interface.encodeFunctionData("register", [
    1, owners[0].address, SOLAR, FREE, 100_000, 0, id("a salt and a place"),
  ]);
  const one = await signCall(safe, owners[2], to, call);
  const alone = await execute(safe, to, call, [one]).then(() => "done", () => "refused");
  const two = await signCall(safe, owners[0], to, call);
  await execute(safe, to, call, [one, two]);
  const read = await connectToContract("EnergyAssetNFT", { rpc: provider, addresses: book });
  return { alone, owner: await read.ownerOf(1), expected: owners[0].address, safe, call, to, signed: [one, two] };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const anvil = await startAnvil();
  try {
    const { alone, owner } = await twoOfThree(anvil.provider);
    console.log(`one signature: ${alone}; two: asset 1 belongs to ${owner}`);
  } finally {
    await anvil.stop();
  }
}
