// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IGridStatus} from "../../src/grid/IGridStatus.sol";
import {Settlement} from "../../src/market/Settlement.sol";

/// @notice Says yes to everything: an authority that lets all through, a token that always moves, an open market.
contract Agreeable {
    fallback() external {
        bytes memory yes = abi.encode(true, uint32(0));
        assembly ("memory-safe") {
            return(add(yes, 32), 64)
        }
    }
}

interface Warp {
    function warp(uint256 timestamp) external;
}

/// @notice What halmos proves of a batch of three parties, for all deltas and balances.
contract SettlementProofs {
    Warp internal constant VM = Warp(address(uint160(uint256(keccak256("hevm cheat code")))));
    address internal constant A = address(0xA);
    address internal constant B = address(0xB);
    address internal constant C = address(0xC);
    Settlement internal settlement;

    function setUp() public {
        VM.warp(20_000 days);
        address yes = address(new Agreeable());
        settlement = new Settlement(
            yes, IERC20(yes), IGridStatus(yes), 1 hours, Settlement.Stakes(100, 0), type(uint112).max
        );
        settlement.addBond(100);
    }

    function begin(uint96 a, uint96 b, uint96 c) internal {
        settlement.deposit(A, a);
        settlement.deposit(B, b);
        settlement.deposit(C, c);
    }

    function all() internal view returns (uint256) {
        return settlement.balanceOf(A) + settlement.balanceOf(B) + settlement.balanceOf(C);
    }

    function pack(int128 a, int128 b, int128 c) internal pure returns (bytes memory) {
        return abi.encodePacked(A, a, B, b, C, c);
    }

    /// @dev Whatever was posted: money moved by exactly the deltas, none was made or lost, nobody is below zero.
    function check_AFinalBatchMovesExactlyItsDeltas(uint96 a, uint96 b, uint96 c, int128 x, int128 y, int128 z)
        external
    {
        begin(a, b, c);
        bytes memory packed = pack(x, y, z);
        settlement.post("b", "root", 1, packed);
        assert(int256(x) + y + z == 0);
        assert(all() + settlement.batchOf("b").gross == uint256(a) + b + c);
        VM.warp(20_000 days + 1 hours + 1);
        settlement.finalise("b", packed);
        assert(int256(settlement.balanceOf(A)) == int256(uint256(a)) + x);
        assert(int256(settlement.balanceOf(B)) == int256(uint256(b)) + y);
        assert(int256(settlement.balanceOf(C)) == int256(uint256(c)) + z);
        assert(settlement.freeBond() == 100);
    }

    /// @dev A batch that is reversed leaves every party as it was.
    function check_AReversedBatchMovesNothing(uint96 a, uint96 b, uint96 c, int128 x, int128 y) external {
        begin(a, b, c);
        unchecked {
            bytes memory packed = pack(x, y, -(x + y));
            settlement.post("b", "root", 1, packed);
            uint256 id = settlement.demandAccount("b", packed, 0);
            VM.warp(20_000 days + 1 hours + 1);
            settlement.lapse(id, packed);
        }
        assert(settlement.balanceOf(A) == a && settlement.balanceOf(B) == b && settlement.balanceOf(C) == c);
        assert(settlement.penalties() + settlement.balanceOf(address(this)) == 100);
    }
}
