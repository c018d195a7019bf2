"""The one rule by which a prompt and its answer become one text."""

SEPARATOR = " "
CODE_SEPARATOR = "\n"  # before a program, a space would be an indentation


def separated(prompt: str, answer: str, separator: str = SEPARATOR) -> str:
    """The answer with the separator before it, unless the prompt ends or the answer begins with white space.

    White space is what `str.isspace` says, so a no-break or an ideographic space counts; an open bracket or quotation
    mark does not.
    """
    if prompt[-1:].isspace() or answer[:1].isspace():
        return answer
    return separator + answer


def at_the_space(prompt: str, answers: list[str]) -> tuple[str, list[str]]:
    """The same texts, with spaces at the prompt's end moved to the beginning of its answers.

    Tokenizers hold a word together with the space before it. A prompt that ends in the space would be followed by
    tokens that the model has seldom seen in this place.
    """
    kept = prompt.rstrip(" ")
    spaces = prompt[len(kept) :]
    if not kept or not spaces:
        return prompt, answers
    return kept, [spaces + answer for answer in answers]


def gap(prompt: str, answer: str) -> str:
    """The white space between a prompt and its answer."""
    before = prompt[len(prompt.rstrip()) :]
    return before + answer[: len(answer) - len(answer.lstrip())]
