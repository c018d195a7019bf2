"""Memory of Seeking's extraction, which holds one copy of the teacher; measured on a scaled-down 13B -> 7B pair."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fabricated_models import build_model

from semalign.benchmarks.encoding import Encoded, collate
from semalign.models.readout import answer_logits
from semalign.signals.extraction.matrices import matrices_of
from semalign.signals.extraction.search import find_windows
from semalign.training.losses import cross_entropy

NO_TOKENS = torch.empty(0, dtype=torch.long)

PEAK = """
import os, resource, sys
sys.path[:0] = {paths!r}
import torch
from test_extraction_memory import search_at_scale, whole_s_at_scale
torch.set_num_threads(1)
for search in (search_at_scale, whole_s_at_scale):
    search(160)  # what a first call loads and keeps
    for scale in (64, 40, 32):
        read, write = os.pipe()
        if os.fork() == 0:  # each size in a process of its own, so that each has its own peak
            before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
            size = search(scale)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            os.write(write, f"{{size}} {{peak - before}}".encode())
            os._exit(0)
        os.close(write)
        os.wait()
        print(os.read(read, 99).decode())
"""


def at_scale(scale: int):
    """A teacher with the shapes of 13B (40 layers, 5120 x 13824) divided by `scale`, and windows with those of 7B."""
    width, feed_forward = 5120 // scale, 13824 // scale
    model = build_model("llama", layers=40, width=width, feed_forward=feed_forward, seed=0)
    model.eval().requires_grad_(False)
    width, feed_forward = 4096 // scale, 11008 // scale
    shapes = {"up": (feed_forward, width), "down": (width, feed_forward), "v": (width // 2, width)}
    shapes["o"] = (width, width)
    batches = [collate([Encoded(list(range(3, 3 + 8)), 4)], 0) for _ in range(2)]
    return model, shapes, batches, sum(p.numel() * 4 for p in model.parameters())


def search_at_scale(scale: int) -> int:
    """Run the search; return the teacher's size in bytes."""
    model, shapes, batches, size = at_scale(scale)
    find_windows(model, batches, matrices_of(model, ["up", "down", "v", "o"], NO_TOKENS), shapes, 32)
    return size


def whole_s_at_scale(scale: int) -> int:
    """Hold what the definition names: all gradients, one example's S and the running S."""
    model, _, batches, size = at_scale(scale)
    parameters = list(model.requires_grad_(True).parameters())
    running = [torch.zeros_like(p) for p in parameters]
    for batch in batches:
        loss = cross_entropy(answer_logits(model, batch), batch.labels[batch.supervised])
        gradients = torch.autograd.grad(loss, parameters)
        of_example = [(p.detach() * g).abs() for p, g in zip(parameters, gradients, strict=True)]
        for total, values in zip(running, of_example, strict=True):
            total += values
    return size


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads resident memory as Linux has it")
def test_peak_memory_grows_with_one_copy_of_the_teacher() -> None:
    here = Path(__file__).parent
    script = PEAK.format(paths=[str(here), str(here.parents[1] / "support")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    found = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    numbers = np.array([[float(word) for word in line.split()] for line in found.stdout.splitlines()])
    slopes = [np.polyfit(rows[:, 0], rows[:, 1], 1)[0] for rows in (numbers[:3], numbers[3:])]
    assert 0.9 < slopes[0] < 1.35, numbers
    assert slopes[1] > 3.0, numbers  # the measurement does detect full copies
