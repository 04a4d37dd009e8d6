"""Values with units: `10m`, `1h30m`, `200k`, `2.50`, `50%`."""

import re
from decimal import Decimal

MAX_SECONDS = 30 * 86_400
MAX_TOKENS = 10**12

_PLAIN = re.compile(r"[0-9]{1,7}(\.[0-9]{1,3})?\Z")
_DURATION = re.compile(r"(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,7}(?:\.[0-9]{1,3})?)s)?\Z")
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)([kKmM]?)\Z")
_COST = re.compile(r"\$?([0-9]{1,7}(?:\.[0-9]{1,6})?)\Z")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9])?)%\Z")
_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}


def parse_duration(text: str) -> float | None:
    """Seconds of `90`, `90s`, `10m`, `1h30m`; None when it is no duration above zero."""
    if _PLAIN.match(text):
        total = float(text)
    elif found := _DURATION.match(text):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        total = hours * 3600 + minutes * 60 + seconds
    else:
        return None
    return total if 0 < total <= MAX_SECONDS else None


def parse_size(text: str) -> int | None:
    """The count that `200k`, `1.5m` or `5000` means; None when it is no whole count above zero."""
    found = _SIZE.match(text)
    if found is None:
        return None
    digits, unit = found.groups()
    total = Decimal(digits) * _FACTORS[unit.lower()]
    return int(total) if 0 < total <= MAX_TOKENS and total == int(total) else None


def parse_cost(text: str) -> float | None:
    """The US dollars of `2.50` or `$2.50`; None when it is no amount above zero."""
    found = _COST.match(text)
    return float(found[1]) or None if found else None


def parse_share(text: str) -> float | None:
    """0.5 for `50%`; None when it is no share above zero and up to the whole."""
    found = _SHARE.match(text)
    share = float(found[1]) / 100 if found else 0.0
    return share if 0 < share <= 1 else None
