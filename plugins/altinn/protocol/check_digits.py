"""The check digits of Norwegian numbers."""

from __future__ import annotations

from collections.abc import Sequence


def fits_modulus_11(number: str, weights: Sequence[int]) -> bool:
    """Say whether a number's check digit is right: the weighted sum, the check digit included, is a multiple of 11.

    :param number: digits; those after the check digit are not looked at.
    :param weights: of the digits up to the check digit, whose own weight is 1.
    """
    return sum(weight * int(digit) for weight, digit in zip((*weights, 1), number, strict=False)) % 11 == 0
