"""The two models as they are."""

from typing import ClassVar, Literal

from semalign.config.methods.base import MethodSettings


class Student(MethodSettings):
    """The untouched student."""

    trained: ClassVar[bool] = False
    method: Literal["student"] = "student"


class Teacher(MethodSettings):
    """The untouched teacher."""

    trained: ClassVar[bool] = False
    method: Literal["teacher"] = "teacher"
