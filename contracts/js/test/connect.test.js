import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ContractFactory, encodeBytes32String, id } from "ethers";
import { startAnvil } from "../anvil.js";
import { twoOfThree } from "../examples/two-of-three.mjs";
import { ContractError, artifactOf, connectToContract } from "../index.js";
import { execute } from "../safe.js";

const REGULATOR = 3n;
const GOVERNANCE = 6n;
const FIRST_VALUES = [15, 100, 6_000, 0, 1_000_000, 86_400, 1_000_000];
let anvil, folder, addresses, open;

async function deploy(name, ...words) {
  const { abi, bytecode } = await artifactOf(name);
  const contract = await new ContractFactory(abi, bytecode, await anvil.provider.getSigner(0)).deploy(...words);
  return contract.waitForDeployment();
}

async function connect(name, options) {
  const contract = await connectToContract(name, { rpc: anvil.rpc, addresses, ...options });
  open.push(contract.runner.provider ?? contract.runner);
  return contract;
}

before(async () => {
  anvil = await startAnvil();
  open = [];
  folder = await mkdtemp(join(tmpdir(), "quietgrid-"));
  addresses = join(folder, "addresses.json");
  const deployer = await anvil.provider.getSigner(0);
  const manager = await deploy("AccessManager", deployer.address);
  const parameters = await deploy("CommunityParameters", await manager.getAddress(), FIRST_VALUES);
  const to = await parameters.getAddress();
  await (await manager.grantRole(GOVERNANCE, deployer.address, 0)).wait();
  await (await manager.setTargetFunctionRole(to, [parameters.getFunction("set").fragment.selector], GOVERNANCE)).wait();
  const nowhere = "0x00000000000000000000000000000000000000AA";
  await writeFile(addresses, JSON.stringify({ 31337: { CommunityParameters: to, DailyRoots: nowhere } }));
});

after(async () => {
  for (const provider of open) provider.destroy?.();
  await anvil.stop();
  await rm(folder, { recursive: true });
});

test("reads without a signer", async () => {
  const parameters = await connect("CommunityParameters");
  assert.equal(await parameters.get(0), 15n);
  assert.deepEqual([...(await parameters.values())], FIRST_VALUES.map(BigInt));
});

test("writes with a signer, and events come back named", async () => {
  const parameters = await connect("CommunityParameters", { signer: 0 });
  const receipt = await (await parameters.set(0, 20)).wait();
  assert.equal(receipt.logs[0].fragment.name, "ParameterChanged");
  assert.equal(receipt.logs[0].args.newValue, 20n);
});

test("a contract's refusal has its name and numbers", async () => {
  const parameters = await connect("CommunityParameters", { signer: 0 });
  await assert.rejects(parameters.set.staticCall(0, 14), (error) => {
    assert.equal(error.revert?.name, "OutOfBounds");
    assert.deepEqual([...error.revert.args], [0n, 14n, 15n, 100_000n]);
    return true;
  });
});

test("a private key signs, and without the role is refused", async () => {
  const parameters = await connect("CommunityParameters", { signer: `0x${"11".repeat(32)}` });
  await assert.rejects(parameters.set.staticCall(0, 20), /AccessManagedUnauthorized/);
});

test("the environment says where", async () => {
  Object.assign(process.env, { QUIETGRID_RPC: anvil.rpc, QUIETGRID_ADDRESSES: addresses });
  try {
    const parameters = await connectToContract("CommunityParameters");
    open.push(parameters.runner);
    assert.equal((await parameters.values()).length, 7);
  } finally {
    delete process.env.QUIETGRID_RPC;
    delete process.env.QUIETGRID_ADDRESSES;
  }
});

test("what is not there is said", async () => {
  const refused = (promise, pattern) => assert.rejects(promise, (error) => {
    assert.ok(error instanceof ContractError, String(error));
    assert.match(error.message, pattern);
    return true;
  });
  await refused(connect("NoSuchContract"), /no such file/);
  await refused(connect("../package"), /no contract's name/);
  await refused(connect("EnergyAssetNFT"), /EnergyAssetNFT is not on chain 31337/);
  await refused(connect("DailyRoots"), /there is no contract at/);
  await refused(connect("CommunityParameters", { addresses: join(folder, "none.json") }), /no such file/);
  await refused(connect("CommunityParameters", { rpc: "http://127.0.0.1:9" }), /does not answer/);
});

// Connect by name, create an event: a verified utility may, for its region.
test("a utility creates a reduction event", async () => {
  const [regulator, utility] = await Promise.all([0, 1].map((number) => anvil.provider.getSigner(number)));
  const manager = await deploy("AccessManager", regulator.address);
  const authority = await manager.getAddress();
  const parameters = await deploy("CommunityParameters", authority, FIRST_VALUES);
  const utilities = await deploy("UtilityVerification", authority);
  const consumers = await deploy("ConsumerRegistration", authority, 1_000);
  const grid = await deploy("GridManagement", authority, [49_500, 50_500, 9_000, 11_000, 11_000]);
  const at = await Promise.all([utilities, consumers, grid, parameters].map((one) => one.getAddress()));
  const requests = await deploy("ReductionRequest", authority, ...at, [0, 7 * 86_400, 14_400, 10, 10_000_000, 1_000_000]);
  await (await manager.grantRole(REGULATOR, regulator.address, 0)).wait();
  const verify = utilities.getFunction("verify").fragment.selector;
  await (await manager.setTargetFunctionRole(at[0], [verify], REGULATOR)).wait();

  const [region, now] = [encodeBytes32String("DE-BE"), (await anvil.provider.getBlock("latest")).timestamp];
  await (await utilities.connect(utility).applyForVerification(id("credentials"))).wait();
  await (await utilities.verify(utility.address, id("credentials"), [region], now + 86_400 * 300)).wait();
  Object.assign(process.env, { QUIETGRID_RPC: anvil.rpc, QUIETGRID_ADDRESSES: join(folder, "requests.json") });
  await writeFile(join(folder, "requests.json"), JSON.stringify({ 31337: { ReductionRequest: await requests.getAddress() } }));
  try {
    const contract = await connectToContract("ReductionRequest", { signer: 1 });
    open.push(contract.runner.provider);
    const [start, duration, target, rate] = [now + 7_200, 3_600, 500_000, 200_000];
    const receipt = await (await contract.createEvent(region, start, duration, target, rate)).wait();
    assert.ok(receipt.logs.some((log) => log.fragment?.name === "EventCreated"));
    const asked = await contract.eventOf(1);
    assert.equal(asked.requester, utility.address);
    assert.equal(asked.targetReduction, 500_000n);
  } finally {
    delete process.env.QUIETGRID_RPC;
    delete process.env.QUIETGRID_ADDRESSES;
  }
});

test("two of three operate, one does not, and a signature is good once", async () => {
  const { alone, owner, expected, safe, to, call, signed } = await twoOfThree(anvil.provider);
  assert.equal(alone, "refused");
  assert.equal(owner, expected);
  await assert.rejects(execute(safe, to, call, signed), /GS026/);
});
