"""The templates of this folder. Everything put into one is escaped, undefined names are errors."""

import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@lru_cache(maxsize=1)
def environment() -> "Environment":
    """Jinja's environment, with autoescape for every template whatever its name."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(text_of),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["minus"] = minus
    return made


def minus(text: object) -> str:
    """Text with a true minus before its numbers; a hyphen is shorter than a plus, and a line may break after it.

    >>> minus("med-nca-16: -0.05 [-0.06, -0.04]")
    'med-nca-16: −0.05 [−0.06, −0.04]'
    """
    return re.sub(r"(?<![\w.)-])-(?=\d)", "−", str(text))


def text_of(name: str) -> str:
    """The text of a file of this folder."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
