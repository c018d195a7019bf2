"""Characters that no text should hold: controls, halves of characters, signs of an earlier wrong decoding."""

import re

HARMFUL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffd-\uffff\u202d\u202e]"
)
"""Controls except tab and line breaks; surrogates; noncharacters; U+FEFF and U+FFFD; direction overrides."""
UNREADABLE = re.compile("[\0\ud800-\udfff]")  # other odd characters are common in collected texts
HIDDEN = "\u00ad\u180e\u200b\u2060"  # invisible and not white space; joiners and direction marks have a use
HIDDEN_INSIDE = re.compile(f"[{HIDDEN}]")
TWICE_ENCODED = re.compile("Ã[\u00a0-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Â[\u00a0-\u00bf]|â€[\u009d™œ“”˜¦¢–—]")
"""UTF-8 that was read as Windows-1252: `é` as `Ã©`, a quotation mark as `â€™`."""


def harmful(text: str) -> tuple[str, str] | None:
    """What is wrong with the first character that no text should hold, and how to mend it; None if there is none."""
    if text.isascii() and text.isprintable():
        return None
    if found := HARMFUL.search(text):
        what, advice = describe(found.group())
        return f"{what} at character {found.start() + 1:,}", advice
    core = text.strip()  # no white space to Python, so it would stay in a target
    for edge, where in ((core[:1], "beginning"), (core[-1:], "end")):
        if edge and edge in HIDDEN:
            return f"the invisible character U+{ord(edge):04X} at the {where}", "remove it"
    return None


def describe(character: str) -> tuple[str, str]:
    """What a harmful character is, and how to mend a text that holds it."""
    code = ord(character)
    name = f"U+{code:04X}"
    if 0xD800 <= code <= 0xDFFF:
        return f"half of a character ({name}, a lone surrogate)", "write the whole character, or remove it"
    if code == 0xFFFD:
        return f"{name}, the sign of an earlier wrong decoding", "take the text again from its source"
    if code == 0xFEFF:
        return f"a byte-order mark ({name}) inside the text", "remove it"
    if code in (0x202D, 0x202E):
        return f"the direction override {name}, which shows a text in another order", "remove it"
    if code >= 0xFDD0:
        return f"{name}, which is no character", "remove it"
    return f"the control character {'NUL' if code == 0 else name}", "remove it"
