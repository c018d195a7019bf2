"""Rows that were never trained, against a slow reference in float64: which are recognised, and which must stay."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor

from semalign.config.models import GgufPackage
from semalign.models.gguf import write_gguf_model
from semalign.models.loading import Head, load_tokenizer, read_head
from semalign.models.trained_head import count_rows, leave_out
from semalign.models.untrained import ALONE, GROUP, MARGIN, NEAR, SHARE, WIDE, find_trained

ROWS, WIDTH = 1200, 48
COUNT = 29  # 2.4 % of the rows
Change = Callable[[Tensor, torch.Generator], Tensor]


def draw(generator: torch.Generator, *shape: int, size: float = 1.0) -> Tensor:
    return size * torch.randn(*shape, generator=generator)


def trained(generator: torch.Generator, rows: int = ROWS, width: int = WIDTH) -> Tensor:
    """Rows that share a direction, in channels of different size; no two are near each other."""
    return (draw(generator, rows, width) + draw(generator, width, size=0.5)) * torch.linspace(1, 3, width)


def around(centre: float, noise: float, count: int = COUNT) -> Change:
    """The last rows are at one place whose length is about `centre` times that of the others."""

    def change(weight: Tensor, generator: torch.Generator) -> Tensor:
        length = weight.norm(dim=1).median() / WIDTH**0.5
        place = draw(generator, WIDTH, size=centre)
        weight[-count:] = length * (place + draw(generator, count, WIDTH, size=noise))
        return weight

    return change


def at_the_mean(weight: Tensor, generator: torch.Generator) -> Tensor:
    """As when a tokenizer gets more tokens and the embedding is resized."""
    weight[-COUNT:] = weight.mean(dim=0) + draw(generator, COUNT, WIDTH, size=1e-4)
    return weight


def one_large_channel(size: float) -> Change:
    def change(weight: Tensor, generator: torch.Generator) -> Tensor:
        weight[:, 0] *= size
        return weight

    return change


UNTRAINED: dict[str, Change] = {
    "zero": around(0, 0),
    "tiny and alike": around(1e-3, 1e-5),
    "tiny in all directions": around(0, 1e-3),
    "short and alike": around(0.2, 0.05),
    "equal": around(1, 0),
    "as in Gemma 3": around(0.9, 0.04),
    "long and alike": around(2, 0.1),
    "loose": around(1, 0.15),
    "few": around(1, 0.01, GROUP),
    "at the mean": at_the_mean,
    "45 %, as in the default study": around(1.1, 0.12, 540),
}
TRAINED: dict[str, Change] = {
    "all": lambda weight, generator: weight,
    "initial values": lambda weight, generator: draw(generator, ROWS, WIDTH, size=0.02),
    "copies of one token": around(1, 0, GROUP - 1),
    "short rows in all directions": around(0, 0.2),
    "a small loose group": around(1, 0.2, 6),
    "one large channel": one_large_channel(10),
    "hardly more than one channel": one_large_channel(300),
}


def slow(weight: Tensor) -> Tensor:
    """The rule in float64, from the distances of all pairs of rows: whether each row is trained, [rows]."""
    weight = weight.double()
    lengths = weight.norm(dim=1)
    short = lengths <= NEAR * lengths.median()
    around_zero = (lengths <= MARGIN * NEAR * lengths.median()).sum() <= (1 + ALONE) * short.sum()
    kept = (lengths > 0) & ~(short & around_zero)
    ids = kept.nonzero()[:, 0]
    distances = torch.cdist(weight[ids], weight[ids])
    start = (distances < WIDE * distances.median()).sum(dim=1).argmax()
    members = distances[start].topk(GROUP, largest=False).indices
    for _ in range(10):
        centre = weight[ids][members].mean(dim=0)
        away = (weight[ids] - centre).norm(dim=1)
        near = away <= WIDE * away.median()
        if near.sum() < GROUP:
            return kept
        members = away.topk(max(GROUP, int(near.sum()) // 2), largest=False).indices
    reach = torch.as_tensor(NEAR * away.median())
    if near.sum() >= SHARE * len(ids):
        reach = max(reach, min(2 * away[near].median(), WIDE * away.median(), centre.norm()))
    inside = (away <= reach).sum()
    if inside >= GROUP and (away <= MARGIN * reach).sum() <= (1 + ALONE) * inside:
        kept[ids[away <= reach]] = False
    return kept


def kept_rows(weight: Tensor, tokens: Tensor | None = None) -> Tensor:
    """Whether each row is kept, [rows]."""
    rows = find_trained(weight, tokens).rows
    kept = torch.full((len(weight),), rows is None)
    kept[rows if rows is not None else slice(0, 0)] = True
    return kept


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", UNTRAINED)
@pytest.mark.parametrize("seed", range(3))
def test_untrained_rows_and_no_others_are_recognised(name: str, seed: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(seed)
    before = trained(generator)
    after = UNTRAINED[name](before.clone(), generator)
    changed = (after != before).any(dim=1)
    found = kept_rows(after.to(dtype))
    assert torch.equal(found, ~changed)
    assert torch.equal(found, slow(after.to(dtype)))


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("seed", range(3))
def test_trained_and_initial_rows_stay(name: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = TRAINED[name](trained(generator), generator)
    found = find_trained(weight)
    assert found.rows is None and found.left_out == 0
    assert slow(weight).all()


def test_groups_at_two_places() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = around(0.8, 0.02, 12)(trained(generator), generator).roll(12, 0)
    weight = around(1.1, 0.02, 20)(weight, generator)
    assert (~kept_rows(weight)).nonzero()[:, 0].tolist() == [*range(12), *range(ROWS - 20, ROWS)]


@pytest.mark.parametrize(("rows", "width", "count"), [(259, 16, 6), (100, 32, GROUP), (6000, 8, 144)])
def test_heads_of_other_shapes(rows: int, width: int, count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = draw(generator, rows, width)
    assert find_trained(weight).rows is None
    weight[:count] = draw(generator, width) * 0.8 + draw(generator, count, width, size=0.01)
    assert (~kept_rows(weight)).nonzero()[:, 0].tolist() == list(range(count))


def test_a_majority_that_looks_untrained_is_kept_and_said() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = trained(generator)
    weight[:500] = 0
    weight[500:900] = weight[-1] + draw(generator, 400, WIDTH, size=0.01)
    found = find_trained(weight)
    assert found.undecided and found.rows is None and found.empty == 500
    every = torch.ones(ROWS, WIDTH)
    assert find_trained(every).rows is None  # all rows are equal


def test_rows_without_a_token_are_left_out_whatever_they_hold() -> None:
    weight = trained(torch.Generator().manual_seed(0))
    tokens = torch.tensor([*range(5, ROWS - 40), ROWS + 3])  # a token may lack a row
    found = find_trained(weight, tokens)
    assert found.without_token == 45 and found.left_out == 45
    assert found.rows is not None and found.rows.tolist() == list(range(5, ROWS - 40))
    weight[5:1000] = 0  # undecided, but rows without a token are certain
    assert find_trained(weight, tokens).left_out == 45


def test_values_that_are_not_finite_are_kept_for_the_check_that_names_them() -> None:
    weight = trained(torch.Generator().manual_seed(0))
    weight[7, 3] = torch.nan
    assert find_trained(weight).rows is None


def test_the_input_is_not_changed_and_the_result_is_the_same_twice() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = around(1, 0.1)(trained(generator), generator)
    before = weight.clone()
    first, second = find_trained(weight).rows, find_trained(weight).rows
    assert first is not None and second is not None and torch.equal(first, second)
    assert torch.equal(weight, before)


def test_head_and_embedding_are_judged_apart_unless_tied() -> None:
    generator = torch.Generator().manual_seed(0)
    head, embedding = around(1, 0.02)(trained(generator), generator), trained(generator)
    embedding[0] = 0  # padding
    untied = leave_out(Head(head, embedding, torch.ones(WIDTH)))
    assert count_rows(untied) == (ROWS - COUNT, COUNT)
    assert count_rows(untied, "embedding") == (ROWS - 1, 1)
    tied = leave_out(Head(head, head, torch.ones(WIDTH)))
    assert count_rows(tied) == count_rows(tied, "embedding") == (ROWS - COUNT, COUNT)


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = GgufPackage(source="gguf-package")
    if find_spec(settings.package) is None:
        pytest.skip(f"the package {settings.package} is not installed")
    folder = tmp_path_factory.mktemp("smollm2")
    write_gguf_model(settings, folder)
    return folder


@pytest.mark.slow
def test_unused_tokens_of_smollm2(smollm2: Path) -> None:
    head, tokenizer = read_head(smollm2), load_tokenizer(smollm2)
    names = set(tokenizer.convert_ids_to_tokens((~kept_rows(head.weight)).nonzero()[:, 0].tolist()))
    assert len(names) == 23
    assert {"<gh_stars>", "<jupyter_code>", "<empty_output>", "swigfaiss", "kinesisfirehose"} < names
    # used by the fine-tuning, in no pretraining text
    assert not names & {"<|im_start|>", "<|im_end|>", "<|endoftext|>"}
