"""Numbers in texts, and texts that are a number."""

import re
from decimal import Decimal

NUMBER = re.compile(r"(?<!\d)-?\d+(?:,\d{3})*(?:\.\d+)?|(?<![\w.])-?\.\d+")
ALONE = re.compile(rf"\+?[$€£¥]?\s?(?:{NUMBER.pattern})\s?%?\.?")
MINUS = "\u2212"  # the sign that is not a hyphen


def last_number(text: str) -> Decimal | None:
    """The last number in a text, or None if there is none; this is GSM8K's flexible extraction."""
    numbers = NUMBER.findall(text.replace(MINUS, "-"))
    return Decimal(numbers[-1].replace(",", "")) if numbers else None


def is_number(text: str) -> bool:
    """Whether a text is one number, which may have a sign, a currency, a percent sign or a full stop."""
    return ALONE.fullmatch(text.strip().replace(MINUS, "-")) is not None
