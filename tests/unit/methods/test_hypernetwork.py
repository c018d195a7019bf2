"""LaTen's hypernetworks and their schedule, compared with torch's implementations."""

import pytest
import torch

from semalign.methods.laten.hypernetwork import Hypernetwork, one_cycle


@pytest.mark.parametrize("steps", [1, 2, 5, 16, 20, 40, 57])
def test_the_schedule_is_torchs_one_cycle(steps: int) -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0, betas=(0.9, 0.95))
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.01, total_steps=steps, pct_start=0.1, div_factor=25, final_div_factor=1
    )
    ours = one_cycle(0.01, steps)
    for step in range(steps):
        group = optimizer.param_groups[0]
        assert ours(step) == pytest.approx((group["lr"], group["betas"][0]), rel=1e-9)
        if step + 1 < steps:
            optimizer.step()
            reference.step()


def test_ten_steps_have_a_schedule_though_torch_divides_by_nought() -> None:
    ours = one_cycle(0.01, 10)
    assert ours(0) == pytest.approx((0.01, 0.85))
    assert ours(9) == pytest.approx((0.01 / 25, 0.95))


def test_hypernetworks_are_two_linear_maps_that_start_small() -> None:
    network = Hypernetwork(48, 32, 1e-5, torch.Generator().manual_seed(3))
    assert (network.hidden.shape, network.output.shape) == ((48, 48), (32, 48))
    assert network.hidden.std().item() == pytest.approx(1e-5, rel=0.1)
    assert network.output.std().item() == pytest.approx(1e-5, rel=0.1)
    neurons = torch.randn(2, 5, 48)
    network.requires_grad_(False)
    for row, vector in zip(network(neurons)[1], neurons[1], strict=True):
        hidden = torch.tensor([max(0.0, float(weights @ vector)) for weights in network.hidden])
        torch.testing.assert_close(row, network.output @ hidden)
