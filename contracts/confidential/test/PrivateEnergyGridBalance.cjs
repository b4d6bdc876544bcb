const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { expect } = require("chai");
const { ethers, fhevm } = require("hardhat");
const { FhevmType } = require("@fhevm/hardhat-plugin");

const FLOOR = 3;
const STORAGE_WH = 1_000n;
const POWER_WH = 300n;

describe("PrivateEnergyGridBalance", () => {
  let operator, stations, stranger, grid, address;

  beforeEach(async () => {
    [operator, stranger, ...stations] = await ethers.getSigners();
    stations = stations.slice(0, 4);
    const factory = await ethers.getContractFactory("PrivateEnergyGridBalance");
    grid = await factory.deploy(operator.address, FLOOR, STORAGE_WH, POWER_WH);
    address = await grid.getAddress();
    for (const station of stations) await grid.registerStation(station.address, 10_000n);
  });

  async function encrypted(value, sender) {
    const made = await fhevm.createEncryptedInput(address, sender.address).add64(value).encrypt();
    return [made.handles[0], made.inputProof];
  }

  async function submit(interval, loads) {
    for (const [index, load] of loads.entries()) {
      await grid.connect(stations[index]).submitLoad(interval, ...(await encrypted(load, stations[index])));
    }
  }

  async function schedule(interval, limit) {
    await grid.scheduleEnergy(interval, ...(await encrypted(limit, operator)));
  }

  const opened = (handle, by = operator) => fhevm.userDecryptEuint(FhevmType.euint64, handle, address, by);

  async function refused(promise, error) {
    const failure = await promise.then(() => null, (reason) => reason);
    expect(failure, `expected ${error}`).to.not.equal(null);
    const data = failure.data?.data ?? failure.data;
    const name = typeof data === "string" ? grid.interface.parseError(data)?.name : undefined;
    expect(name ?? failure.message).to.contain(error);
  }

  it("adds loads and compares them with the limit", async () => {
    await submit(1, [100n, 250n, 50n]);
    await schedule(1, 350n);
    const at = await grid.intervalOf(1);
    expect(await opened(at.total)).to.equal(400n);
    expect(await fhevm.userDecryptEbool(at.exceeded, address, operator)).to.equal(true);
    expect(await opened(at.excess)).to.equal(50n);
    expect(await opened(at.room)).to.equal(0n);
  });

  it("does not exceed at the limit itself", async () => {
    await submit(1, [100n, 200n, 100n]);
    await schedule(1, 400n);
    const at = await grid.intervalOf(1);
    expect(await fhevm.userDecryptEbool(at.exceeded, address, operator)).to.equal(false);
    expect(await opened(at.room)).to.equal(0n);
  });

  it("plans the storage as plain arithmetic does, over many intervals", async () => {
    const least = (...values) => values.reduce((a, b) => (a < b ? a : b));
    let held = 0n;
    const days = [[[0n, 0n, 10n], 500n], [[100n, 0n, 0n], 900n], [[5n, 5n, 5n], 800n], [[0n, 0n, 0n], 900n],
      [[300n, 300n, 300n], 450n], [[300n, 200n, 0n], 400n], [[9_000n, 9_000n, 9_000n], 0n],
      [[9_000n, 9_000n, 9_000n], 0n], [[9_000n, 9_000n, 9_000n], 1n]];
    for (const [index, [loads, limit]] of days.entries()) {
      const interval = index + 1;
      await submit(interval, loads);
      await schedule(interval, limit);
      await grid.calculateStorage(interval);
      const total = loads.reduce((a, b) => a + b);
      const discharge = total > limit ? least(total - limit, held, POWER_WH) : 0n;
      const charge = total < limit ? least(limit - total, STORAGE_WH - held, POWER_WH) : 0n;
      held += charge - discharge;
      const at = await grid.intervalOf(interval);
      expect(await opened(at.discharge), `discharge ${interval}`).to.equal(discharge);
      expect(await opened(at.charge), `charge ${interval}`).to.equal(charge);
      expect(await opened(at.afterStorage), `load ${interval}`).to.equal(total + charge - discharge);
      expect(await opened(await grid.stored()), `stored ${interval}`).to.equal(held);
    }
    expect(held).to.equal(0n);
  });

  it("caps what a station reports at its connection", async () => {
    await submit(1, [2n ** 64n - 1n, 2n ** 64n - 1n, 1n]);
    await schedule(1, 0n);
    expect(await opened((await grid.intervalOf(1)).total)).to.equal(20_001n);
  });

  it("gives results to the operator alone", async () => {
    await submit(1, [100n, 250n, 50n]);
    await schedule(1, 350n);
    await grid.calculateStorage(1);
    const at = await grid.intervalOf(1);
    for (const handle of [at.total, at.excess, at.charge, await grid.stored()]) {
      await refused(opened(handle, stranger), "not authorized");
      await refused(opened(handle, stations[0]), "not authorized");
    }
  });

  it("gives nothing to anybody before the interval is closed, nor a single load after", async () => {
    const [handle, proof] = await encrypted(100n, stations[0]);
    await grid.connect(stations[0]).submitLoad(1, handle, proof);
    await refused(opened((await grid.intervalOf(1)).total), "not authorized");
    await submit(2, [1n, 2n, 3n]);
    await refused(opened(ethers.hexlify(handle)), "not authorized");
  });

  it("has no result of fewer stations than the floor", async () => {
    await submit(1, [100n, 250n]);
    await refused(schedule(1, 350n), "BelowFloor");
  });

  it("takes one report a station and none when closed", async () => {
    await submit(1, [1n, 2n, 3n]);
    await refused(submit(1, [1n]), "AlreadyReported");
    await schedule(1, 10n);
    await refused(
      encrypted(1n, stations[3]).then((load) => grid.connect(stations[3]).submitLoad(1, ...load)), "AlreadyScheduled",
    );
    await refused(schedule(1, 11n), "AlreadyScheduled");
  });

  it("does not take a load that another station encrypted", async () => {
    const [handle, proof] = await encrypted(100n, stations[0]);
    await grid.connect(stations[0]).submitLoad(1, handle, proof);
    const failure = await grid.connect(stations[1]).submitLoad(1, handle, proof).then(() => null, (reason) => reason);
    expect(failure).to.not.equal(null);
    expect(await grid.hasReported(1, stations[1].address)).to.equal(false);
  });

  it("plans in order, once, and only what is scheduled", async () => {
    await submit(1, [1n, 2n, 3n]);
    await submit(2, [1n, 2n, 3n]);
    await refused(grid.calculateStorage(1), "NotInOrder");
    await schedule(1, 10n);
    await schedule(2, 10n);
    await grid.calculateStorage(2);
    await refused(grid.calculateStorage(2), "NotInOrder");
    await refused(grid.calculateStorage(1), "NotInOrder");
  });

  it("is operated by the operator, and fed by stations", async () => {
    await refused(grid.connect(stranger).registerStation(stranger.address, 1n), "NotOperator");
    await refused(grid.connect(stranger).calculateStorage(1), "NotOperator");
    const load = await encrypted(1n, stranger);
    await refused(grid.connect(stranger).submitLoad(1, ...load), "NotStation");
    await refused(grid.connect(stranger).scheduleEnergy(1, ...load), "NotOperator");
    await refused(grid.registerStation(operator.address, 1n), "BadArgument");
    await refused(grid.registerStation(stations[0].address, 1n), "BadArgument");
    const factory = await ethers.getContractFactory("PrivateEnergyGridBalance");
    await refused(factory.deploy(operator.address, 2, 1n, 1n), "BadArgument");
  });

  it("decrypts nothing inside", () => {
    const source = readFileSync(join(__dirname, "../contracts/PrivateEnergyGridBalance.sol"), "utf8");
    expect(source).to.contain("FHE.allow(");
    expect(source).to.not.match(/makePubliclyDecryptable|requestDecryption|checkSignatures|decrypt\w*\(/);
  });

  it("costs what it is known to cost", async () => {
    await submit(1, [1n]);
    const load = await encrypted(1n, stations[1]);
    const receipt = await (await grid.connect(stations[1]).submitLoad(1, ...load)).wait();
    console.log(`      gas of a report: ${receipt.gasUsed}`);
    expect(Number(receipt.gasUsed)).to.be.lessThan(400_000);
  });
});
