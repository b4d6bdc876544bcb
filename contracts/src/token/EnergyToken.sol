// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Pausable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Pausable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {DailyLimit} from "../access/DailyLimit.sol";

/// @title EnergyToken
/// @notice The community's unit of payment: 1 token is 1 EUR of the declared reserve, 1 unit is 1 micro-euro.
/// @dev There are never more tokens than declared reserve, nor more than the cap. A redemption burns tokens and takes
/// the same amount out of the reserve, since it is paid out at the bank.
contract EnergyToken is AccessManaged, ERC20, ERC20Permit, ERC20Pausable {
    using DailyLimit for DailyLimit.Limit;

    /// @notice Euros at the bank, in micro-units, as the operator last declared them, less redemptions since.
    uint256 public reserve;
    /// @notice The most tokens there may be.
    uint256 public supplyCap;

    DailyLimit.Limit private _minting;
    /// @dev id of a mint => hash of what was minted
    mapping(bytes32 id => bytes32 content) private _mints;

    /// @notice The reserve is this from now on; `evidence` is the hash of the bank's statement.
    event ReserveDeclared(uint256 reserve, bytes32 evidence);
    /// @notice Tokens were issued against the reserve.
    event Minted(bytes32 indexed id, address indexed to, uint256 amount);
    /// @notice A holder gave tokens back for euros; `payment` is the holder's salted payment reference.
    event Redeemed(address indexed holder, uint256 amount, bytes32 payment);
    /// @notice The caps changed.
    event CapsChanged(uint256 supplyCap, uint256 dailyCap);

    /// @notice Not enough reserve for so many tokens.
    error ReserveTooLow(uint256 reserve, uint256 supply);
    /// @notice More tokens than the cap.
    error SupplyCapReached(uint256 cap, uint256 supply);
    /// @notice The id was used for another mint.
    error AlreadyMinted(bytes32 id);

    /// @param authority The community's access manager.
    /// @param supplyCap_ The most tokens there may be, micro-units.
    /// @param dailyCap The most that may be minted in one day, micro-units.
    constructor(address authority, uint256 supplyCap_, uint256 dailyCap)
        AccessManaged(authority)
        ERC20("Quietgrid Energy Token", "QEUR")
        ERC20Permit("Quietgrid Energy Token")
    {
        _setCaps(supplyCap_, dailyCap);
    }

    /// @notice State what is at the bank. It may not be less than the tokens that are out.
    /// @dev Role: OPERATOR
    /// @param amount Micro-euros.
    /// @param evidence Hash of the statement that shows it.
    function declareReserve(uint256 amount, bytes32 evidence) external restricted {
        if (amount < totalSupply()) revert ReserveTooLow(amount, totalSupply());
        reserve = amount;
        emit ReserveDeclared(amount, evidence);
    }

    /// @notice Issue tokens. The same id with the same content changes nothing, so that a retry is harmless.
    /// @dev Role: OPERATOR
    function mint(bytes32 id, address to, uint256 amount) external restricted {
        bytes32 content = keccak256(abi.encode(to, amount));
        bytes32 found = _mints[id];
        if (found == content) return;
        if (found != 0) revert AlreadyMinted(id);
        _mints[id] = content;
        uint256 supply = totalSupply() + amount;
        if (supply > supplyCap) revert SupplyCapReached(supplyCap, supply);
        if (supply > reserve) revert ReserveTooLow(reserve, supply);
        _minting.spend(amount);
        emit Minted(id, to, amount);
        _mint(to, amount);
    }

    /// @notice Give tokens back for euros.
    /// @param amount Micro-units of the caller.
    /// @param payment A salted reference by which the operator knows where to pay.
    function redeem(uint256 amount, bytes32 payment) external {
        reserve -= amount;
        _burn(_msgSender(), amount);
        emit Redeemed(_msgSender(), amount, payment);
    }

    /// @notice Change the caps.
    /// @dev Role: GOVERNANCE
    function setCaps(uint256 supplyCap_, uint256 dailyCap) external restricted {
        _setCaps(supplyCap_, dailyCap);
    }

    /// @notice Stop all movement of tokens.
    /// @dev Role: GUARDIAN
    function pause() external restricted {
        _pause();
    }

    /// @notice Let tokens move again.
    /// @dev Role: GOVERNANCE
    function unpause() external restricted {
        _unpause();
    }

    /// @notice What may still be minted today.
    function mintableToday() external view returns (uint256) {
        return _minting.left();
    }

    /// @notice 6: one unit is one micro-euro.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function _setCaps(uint256 supplyCap_, uint256 dailyCap) private {
        supplyCap = supplyCap_;
        _minting.set(dailyCap);
        emit CapsChanged(supplyCap_, dailyCap);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Pausable) {
        super._update(from, to, value);
    }
}
