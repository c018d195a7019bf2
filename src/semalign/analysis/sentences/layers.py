"""Sentences about layers: the decompose-recompose cosine and its controls, and CKA before and after."""

import pandas as pd

from semalign.analysis.sentences.words import count, signed


def decomposition(frame: pd.DataFrame, model: str, interface: str = "block", folded: bool = False) -> str:
    """The paper's Figure 2 as a sentence: output-side against input-side bases over the layers of one interface."""
    output, other = (_layers(frame, model, interface, folded, bases) for bases in ("output", "input"))
    if output.empty or other.empty:
        return f"Output-side or input-side bases were not measured for {model}."
    layers = output.index.intersection(other.index)
    above = int((output.loc[layers, "cosine_low"] > other.loc[layers, "cosine_high"]).sum())
    low, top = output["cosine"].min(), other["cosine"].max()
    return (
        f"In **{model}** ({interface} output, final norm {'folded' if folded else 'not folded'}), rebuilding a hidden "
        f"state from output-side bases gives a mean cosine of {output['cosine'].mean():.2f} over {len(output)} layers "
        f"({_height(output['cosine'].mean())}; lowest layer {low:.2f}), from input-side bases "
        f"{other['cosine'].mean():.2f} ({_height(other['cosine'].mean())}; highest layer {top:.2f}); output-side is "
        f"above input-side, intervals apart, in {count(above, len(layers), 'layer')}."
    )


def decomposition_controls(frame: pd.DataFrame, model: str, interface: str = "block", folded: bool = False) -> str:
    """What the controls say about that cosine: random bases, the isotropic prediction, shuffled states."""
    output, random = (_layers(frame, model, interface, folded, bases) for bases in ("output", "random"))
    if output.empty or random.empty:
        return f"The controls were not measured for {model}."
    layers = output.index.intersection(random.index)
    above = int((random.loc[layers, "cosine_low"] > output.loc[layers, "cosine_high"]).sum())
    means = output[["cosine", "isotropic", "shuffled"]].mean()
    conclusion = (
        "so that a high cosine alone does not show that the bases carry meaning"
        if random["cosine"].mean() >= means["cosine"]
        else "so that the cosine is not explained by the number of bases alone"
    )
    return (
        f"Random bases of the same shape give {random['cosine'].mean():.2f}, above output-side bases, intervals apart, "
        f"in {count(above, len(layers), 'layer')}, {conclusion}. A random isotropic state would score "
        f"{means['isotropic']:.2f} with output-side bases, and the measured {means['cosine']:.2f} is "
        f"{_beside(means['cosine'], means['isotropic'])}; a state against the reconstruction of another one "
        f"(shuffled) scores {means['shuffled']:.2f}."
    )


def _layers(frame: pd.DataFrame, model: str, interface: str, folded: bool, bases: str) -> pd.DataFrame:
    chosen = frame[(frame["model"] == model) & (frame["interface"] == interface) & (frame["bases"] == bases)]
    same = chosen[chosen["folded"].astype(bool) == folded]
    return (chosen if same.empty and bases == "random" else same).drop_duplicates("layer").set_index("layer")


def _height(cosine: float) -> str:
    """A word for a mean cosine; the bounds are this study's, the paper gives none."""
    return next(word for bound, word in ((0.9, "very high"), (0.6, "high"), (0.3, "moderate"), (-2, "low")) if cosine >= bound)


def _beside(value: float, prediction: float, margin: float = 0.02) -> str:
    if abs(value - prediction) <= margin:
        return "about the same"
    return "above it" if value > prediction else "below it"


def similarity(frame: pd.DataFrame, method: str) -> str:
    """How the debiased CKA between teacher and student layers changes with a transfer."""
    keys = ["pair", "benchmark", "left_layer", "right_layer"]
    after = frame[(frame["comparison"] == "teacher~student-after") & (frame["method"] == method)]
    before = frame[frame["comparison"] == "teacher~student-before"].drop_duplicates(keys)
    both = after.merge(before, on=keys, suffixes=("", "_before"))
    if both.empty:
        return f"The similarity of layers before and after **{method}** was not measured."
    change = both["cka_debiased"] - both["cka_debiased_before"]
    top = both.loc[change.abs().idxmax()]
    return (
        f"After **{method}**, the CKA of student layers with teacher layers changes by {signed(change.mean(), 3)} on "
        f"average over {len(both)} pairs of layers, most at teacher layer {top['left_layer']} and student layer "
        f"{top['right_layer']} on {top['benchmark']}: from {top['cka_debiased_before']:.2f} to "
        f"{top['cka_debiased']:.2f} ({_towards(change)}). It is a description of these activations; no test stands "
        "behind it."
    )


def _towards(change: "pd.Series[float]") -> str:
    nearer = int((change > 0).sum())
    return f"nearer the teacher in {nearer} of {len(change)} pairs"
