"""The kinds of methods that a config may name, as the registry knows them: a new one needs no line here."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from semalign.config.methods import MethodSettings
from semalign.methods.registry import METHODS

if TYPE_CHECKING:
    Method = MethodSettings
else:
    Method = Annotated[
        reduce(or_, (METHODS.load(name).settings for name in METHODS)), Field(discriminator="method")
    ]
