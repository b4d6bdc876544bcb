// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Amounts} from "../../src/market/Amounts.sol";
import {Test} from "../Test.sol";

contract AmountsTest is Test {
    /// @dev No whole number is nearer, and of two equally near the even one is taken.
    function testFuzz_CostIsHalfToEven(uint64 energyWh, uint64 price) public pure {
        uint256 product = uint256(energyWh) * price;
        uint256 whole = Amounts.cost(energyWh, price);
        uint256 off = whole * 1000 > product ? whole * 1000 - product : product - whole * 1000;
        vm.assertLe(off, 500);
        if (off == 500) vm.assertEq(whole % 2, 0);
    }

    function test_TiesGoToTheEvenOne() public pure {
        vm.assertEq(Amounts.cost(500, 1), 0);
        vm.assertEq(Amounts.cost(1500, 1), 2);
        vm.assertEq(Amounts.cost(2500, 1), 2);
        vm.assertEq(Amounts.cost(1500, 283_100), 424_650);
        vm.assertEq(Amounts.signedCost(1500, -1), -2);
    }

    function testFuzz_PartsNeverCostMoreThanTheWhole(uint32 a, uint32 b, uint64 price) public pure {
        uint256 parts = uint256(Amounts.costDown(a, price)) + Amounts.costDown(b, price);
        vm.assertLe(parts, Amounts.costDown(uint64(a) + b, price));
    }

    function testFuzz_SignsMirror(uint64 energyWh, int64 price) public pure {
        vm.assume(price != type(int64).min);
        vm.assertEq(Amounts.signedCost(energyWh, price), -Amounts.signedCost(energyWh, -price));
    }
}
