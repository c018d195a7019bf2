"""Sentences about layers: the decompose-recompose cosine and its controls, and CKA before and after."""

import pandas as pd

from semalign.report.words import count, listing, signed

INTERFACES = ("block", "mlp", "attention")
# Words for a mean cosine; the bounds are this study's, the paper gives none.
HEIGHTS = ((0.9, "very high"), (0.6, "high"), (0.3, "moderate"), (-2.0, "low"))
NAMES = {
    "output": "output-side bases",
    "input": "input-side bases",
    "random": "random bases",
    "dual": "the dual frame",
}
SAME = 0.02  # means of cosines nearer than this are called about the same


def decomposition(frame: pd.DataFrame, model: str, interface: str = "", folded: bool = False) -> str:
    """The paper's Figure 2 as a sentence: output-side against input-side bases over one interface's layers.

    Without an interface, the block's output where it was measured.
    """
    interface = interface or _first_interface(frame, model)
    output, other = (_layers(frame, model, interface, folded, bases) for bases in ("output", "input"))
    if output.empty or other.empty:
        return f"Output-side or input-side bases were not measured for {model}."
    return (
        f"In **{model}** ({interface} output, final norm {'' if folded else 'not '}folded in), the mean cosine "
        f"of a hidden state with what is rebuilt of it from output-side bases is {_level(output)}; from "
        f"input-side bases it is {_level(other)}. Output-side bases lie {_apart(output, other)}."
    )


def decomposition_controls(frame: pd.DataFrame, model: str, interface: str = "", folded: bool = False) -> str:
    """What the controls say about that cosine: random bases, the isotropic prediction, shuffled states."""
    interface = interface or _first_interface(frame, model)
    output, random = (_layers(frame, model, interface, folded, bases) for bases in ("output", "random"))
    if output.empty or random.empty:
        return f"The controls were not measured for {model}."
    measured, isotropic, shuffled = (output[name].mean() for name in ("cosine", "isotropic", "shuffled"))
    if random["cosine"].mean() >= measured - SAME:
        conclusion = "so a high cosine alone does not show that bases carry meaning"
    else:
        conclusion = "so the number of bases alone does not explain the cosine"
    return (
        f"Random bases of the same number give {random['cosine'].mean():.2f}; output-side bases lie "
        f"{_apart(output, random)}, {conclusion}. The isotropic prediction, which never looks at a hidden "
        f"state, is {isotropic:.2f} for output-side bases, and the measured {measured:.2f} is "
        f"{_beside(measured, isotropic)}; a state compared with what was rebuilt of another one (shuffled) "
        f"scores {shuffled:.2f}."
    )


def _first_interface(frame: pd.DataFrame, model: str) -> str:
    measured = set(frame.loc[frame["model"] == model, "interface"])
    return next((name for name in INTERFACES if name in measured), "")


def _layers(frame: pd.DataFrame, model: str, interface: str, folded: bool, bases: str) -> pd.DataFrame:
    """One line of the figure, by layer; random bases know no head, so that they serve both folds."""
    line = frame[(frame["model"] == model) & (frame["interface"] == interface) & (frame["bases"] == bases)]
    same = line[line["folded"].astype(bool) == folded]
    return (line if same.empty and bases == "random" else same).drop_duplicates("layer").set_index("layer")


def _apart(line: pd.DataFrame, other: pd.DataFrame) -> str:
    """`higher in all 30 layers`, `higher in 2 of 30 layers and lower in 28 of 30 layers` (intervals apart)."""
    layers = line.index.intersection(other.index)
    here, there = line.loc[layers], other.loc[layers]
    above = int((here["cosine_low"] > there["cosine_high"]).sum())
    below = int((here["cosine_high"] < there["cosine_low"]).sum())
    said = [f"higher in {count(above, len(layers), 'layer')}"] if above or not below else []
    said += [f"lower in {count(below, len(layers), 'layer')}"] if below else []
    return f"{listing(said)} (intervals apart)"


def _level(line: pd.DataFrame) -> str:
    """`0.74 (high; 0.69 to 0.81 over 30 layers)`."""
    cosine = line["cosine"]
    word = next(word for bound, word in HEIGHTS if cosine.mean() >= bound)
    return f"{cosine.mean():.2f} ({word}; {cosine.min():.2f} to {cosine.max():.2f} over {len(line)} layers)"


def _beside(value: float, prediction: float) -> str:
    if abs(value - prediction) <= SAME:
        return "about the same"
    return "above it" if value > prediction else "below it"


def head(table: pd.DataFrame, model: str) -> str:
    """How often the most likely next token stays the same after the final state is rebuilt, kind by kind."""
    rows = table[(table["model"] == model) & ~table["folded"].astype(bool)]
    if rows.empty:
        return f"The prediction from a rebuilt final state was not measured for {model}."
    shares = [
        f"{100 * row['top1_agreement']:.0f} % of positions with {NAMES[row['bases']]}"
        for _, row in rows.iterrows()
    ]
    return f"In **{model}** (not folded), the most likely next token stays the same in {listing(shares)}."


def similarity(frame: pd.DataFrame, method: str) -> str:
    """How the debiased CKA between teacher and student layers changes with a transfer."""
    keys = ["pair", "benchmark", "left_layer", "right_layer"]
    after = frame[(frame["comparison"] == "teacher~student-after") & (frame["method"] == method)]
    before = frame[frame["comparison"] == "teacher~student-before"].drop_duplicates(keys)
    both = after.merge(before, on=keys, suffixes=("", "_before")).dropna(subset=["cka_debiased"])
    if both.empty:
        return f"How alike the layers are before and after **{method}** was not measured."
    change = (both["cka_debiased"] - both["cka_debiased_before"]).to_numpy()
    top = both.iloc[int(abs(change).argmax())]
    return (
        f"With **{method}**, the CKA of student layers with teacher layers changes by "
        f"{signed(change.mean(), 3)} on average and rises in {int((change > 0).sum())} of {len(both)} pairs "
        f"of layers; it changes most at teacher layer {top['left_layer']} and student layer "
        f"{top['right_layer']} ({top['benchmark']}), from {top['cka_debiased_before']:.2f} to "
        f"{top['cka_debiased']:.2f}.{_plain(both)} No test stands behind these numbers."
    )


def _plain(both: pd.DataFrame) -> str:
    """The change by the plain CKA, which few positions bias upwards."""
    if "cka" not in both or both["cka"].isna().all():
        return ""
    return f" By the plain CKA it is {signed((both['cka'] - both['cka_before']).mean(), 3)} on average."
