"""Libraries that junto does without until they are needed, and what to install where one is missing.

Each comes with an extra of the package. Whoever opens a door behind which one is needed calls `need`; where
an import fails inside a task, `missing` turns the import's error into the same sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from junto.errors import MissingLibrary

EXTRA_OF: Mapping[str, str] = {
    "jax": "spu",
    "jaxlib": "spu",
    "onnx": "onnx",
    "opendp": "dp",
    "pandas": "tables",
    "polars": "tables",
    "pyarrow": "tables",
    "ray": "ray",
    "scipy": "spu",
    "sklearn": "demo",
}
"""The extra that brings a library; the names are those of `pyproject.toml`."""


def need(library: str, purpose: str) -> None:
    """Go on if `library` can be imported.

    Args:
        library: a name of `EXTRA_OF`.
        purpose: what needs it, as the subject of a sentence.

    Raises:
        MissingLibrary: it is not installed.
    """
    if find_spec(library) is None:
        raise _error(library, purpose)


def missing(error: BaseException) -> MissingLibrary | None:
    """The error that says what to install, if `error` is a failed import of one of these libraries."""
    if isinstance(error, ModuleNotFoundError) and not isinstance(error, MissingLibrary):
        library = (error.name or "").partition(".")[0]
        if library in EXTRA_OF:
            return _error(library, "what was called")
    return None


def _error(library: str, purpose: str) -> MissingLibrary:
    return MissingLibrary(
        f"{purpose} needs {library}, which is not installed here",
        fix=f"pip install 'junto[{EXTRA_OF[library]}]'",
    )
