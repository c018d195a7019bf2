"""Checks of the names that tables and pages print."""

from collections.abc import Iterator

from semalign.study.definition import Study
from semalign.study.layout.order import title_of


def problems_of(study: Study) -> Iterator[str]:
    """A line per title that two methods share, whose rows would look alike."""
    printed = {
        name: settings.title or title_of(name, settings.method) for name, settings in study.methods.items()
    }
    for name, settings in study.methods.items():
        others = [other for other, title in printed.items() if other != name and title == settings.title]
        if others and not study.methods[others[0]].title:
            yield (
                f"methods.{name}.title: found {settings.title!r}, which is also printed for methods.{others[0]}; "
                "expected another one"
            )
