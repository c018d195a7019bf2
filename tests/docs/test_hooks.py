"""What the hooks of the documentation site change: links to files outside docs/, and the pages of the API."""

import importlib.util
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from mkdocs.exceptions import PluginError
from page_blocks import ROOT

CONFIG: Any = SimpleNamespace(repo_url="https://forge.example/owner/name/")
PAGE: Any = SimpleNamespace(file=SimpleNamespace(src_uri="how-to/page.md"))


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs/hooks.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (
            "[c](../../config/config.yaml#L3)",
            "[c](https://forge.example/owner/name/blob/main/config/config.yaml#L3)",
        ),
        (
            "[`semalign.signals.cka:linear_cka`](../../src/semalign/signals/cka.py)",
            "[`semalign.signals.cka:linear_cka`][semalign.signals.cka.linear_cka]",
        ),
        ("[here](../../src/semalign/signals/cka.py)", "[here][semalign.signals.cka]"),
        ("[room](../../src/semalign/signals)", "[room][semalign.signals]"),
        ("![s](../scores.png)", "![s](../scores.png)"),
        ("[t](../tutorial.md#1-run-it)", "[t](../tutorial.md#1-run-it)"),
        ("[p](https://arxiv.org/abs/2510.24208)", "[p](https://arxiv.org/abs/2510.24208)"),
        ("[a](#anchor)", "[a](#anchor)"),
        ("```text\n[c](../../nothing)\n```", "```text\n[c](../../nothing)\n```"),
    ],
)
def test_a_link_out_of_the_docs_leads_to_the_api_or_to_the_repository(
    hooks: ModuleType, link: str, expected: str
) -> None:
    assert hooks.on_page_markdown(link, PAGE, CONFIG, None) == expected


@pytest.mark.parametrize("target", ["../../nothing.yaml", "../../../outside"])
def test_a_link_to_a_file_that_does_not_exist_is_an_error(hooks: ModuleType, target: str) -> None:
    with pytest.raises(PluginError, match=r"docs/how-to/page\.md: link to .*: found no "):
        hooks.on_page_markdown(f"[x]({target})", PAGE, CONFIG, None)


def test_every_room_has_a_page_with_its_modules(hooks: ModuleType) -> None:
    assert {"signals", "runtime", "study"} <= set(hooks.rooms())
    page = hooks.api_page("signals")
    assert page.startswith("# semalign.signals\n")
    assert "::: semalign.signals.semantics.bases\n" in page and "._" not in page
