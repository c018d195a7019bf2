"""Sentences about layers: the decompose-recompose cosine and its controls, and CKA before and after."""

import pandas as pd

from semalign.analysis.sentences.words import count, signed

INTERFACES = ("block", "mlp", "attention")
# Words for a mean cosine; the bounds are this study's, the paper gives none.
HEIGHTS = ((0.9, "very high"), (0.6, "high"), (0.3, "moderate"), (-2.0, "low"))
SAME = 0.02  # means of cosines nearer than this are called about the same


def decomposition(frame: pd.DataFrame, model: str, interface: str = "", folded: bool = False) -> str:
    """The paper's Figure 2 as a sentence: output-side against input-side bases over one interface's layers.

    Without an interface, the block's output where it was measured.
    """
    interface = interface or _first_interface(frame, model)
    output, other = (_layers(frame, model, interface, folded, bases) for bases in ("output", "input"))
    if output.empty or other.empty:
        return f"Output-side or input-side bases were not measured for {model}."
    layers = output.index.intersection(other.index)
    above = int((output.loc[layers, "cosine_low"] > other.loc[layers, "cosine_high"]).sum())
    return (
        f"In **{model}** ({interface} output, final norm {'' if folded else 'not '}folded in), the mean "
        f"cosine of a hidden state with what is rebuilt of it from output-side bases is {_level(output)} "
        f"over {len(output)} layers, {output['cosine'].min():.2f} in the lowest; from input-side bases it is "
        f"{_level(other)}, {other['cosine'].max():.2f} in the highest. Output-side lies above input-side, "
        f"intervals apart, in {count(above, len(layers), 'layer')}."
    )


def decomposition_controls(frame: pd.DataFrame, model: str, interface: str = "", folded: bool = False) -> str:
    """What the controls say about that cosine: random bases, the isotropic prediction, shuffled states."""
    interface = interface or _first_interface(frame, model)
    output, random = (_layers(frame, model, interface, folded, bases) for bases in ("output", "random"))
    if output.empty or random.empty:
        return f"The controls were not measured for {model}."
    measured, isotropic, shuffled = (output[name].mean() for name in ("cosine", "isotropic", "shuffled"))
    layers = output.index.intersection(random.index)
    above = int((random.loc[layers, "cosine_low"] > output.loc[layers, "cosine_high"]).sum())
    if random["cosine"].mean() >= measured - SAME:
        conclusion = "so a high cosine alone does not show that bases carry meaning"
    else:
        conclusion = "so the number of bases alone does not explain the cosine"
    return (
        f"Random bases of the same number give {random['cosine'].mean():.2f}, above output-side bases, "
        f"intervals apart, in {count(above, len(layers), 'layer')}, {conclusion}. The isotropic "
        f"prediction, which never looks at a hidden state, is {isotropic:.2f} for output-side bases, and the "
        f"measured {measured:.2f} is {_beside(measured, isotropic)}; a state compared with what was rebuilt "
        f"of another one (shuffled) scores {shuffled:.2f}."
    )


def _first_interface(frame: pd.DataFrame, model: str) -> str:
    measured = set(frame.loc[frame["model"] == model, "interface"])
    return next((name for name in INTERFACES if name in measured), "")


def _layers(frame: pd.DataFrame, model: str, interface: str, folded: bool, bases: str) -> pd.DataFrame:
    """One line of the figure, by layer; random bases know no head, so that they serve both folds."""
    chosen = frame[(frame["model"] == model) & (frame["interface"] == interface) & (frame["bases"] == bases)]
    same = chosen[chosen["folded"].astype(bool) == folded]
    return (chosen if same.empty and bases == "random" else same).drop_duplicates("layer").set_index("layer")


def _level(line: pd.DataFrame) -> str:
    """`0.74, high`."""
    mean = line["cosine"].mean()
    return f"{mean:.2f} ({next(word for bound, word in HEIGHTS if mean >= bound)})"


def _beside(value: float, prediction: float) -> str:
    if abs(value - prediction) <= SAME:
        return "about the same"
    return "above it" if value > prediction else "below it"


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
        f"{top['cka_debiased']:.2f}. No test stands behind these numbers."
    )
