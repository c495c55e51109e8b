"""Compile the C kernels: as a part of the wheel, and in a checkout beside their sources.

Hatchling calls `KernelsHook` whenever it makes a wheel, an editable one included. `python tools/kernels.py`
(which `make` calls) compiles the checkout's anew if they are not those of its sources. Without a C
compiler there is no library: junto computes in numpy, and it is said here, once.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent
LACKING = (
    "junto computes in numpy alone, and some operations take several times as long.\n"
    "  fix: install a C compiler, or the package ziglang, then run `python tools/kernels.py` from .venv/bin"
)


def builder(root: Path = ROOT) -> ModuleType:
    """`junto.native.compiling`, without the rest of junto."""
    spec = spec_from_file_location("junto_native_build", root / "src" / "junto" / "native" / "compiling.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("src/junto/native/compiling.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(build: ModuleType, target: Path) -> bool:
    """Whether the library could be compiled; if not, says why.

    Raises:
        SystemExit: the environment's JUNTO_KERNELS is `compiled`, so that there must be one.
    """
    wanted = os.environ.get(build.VARIABLE, "")
    if wanted == "numpy":
        return False
    try:
        build.build(target)
    except build.CannotBuild as error:
        if wanted == "compiled":
            sys.exit(str(error))
        print(f"{error}\n{LACKING}", file=sys.stderr, flush=True)
        return False
    return True


class KernelsHook(BuildHookInterface[Any]):
    """Puts the library into the wheel, which then is for one kind of machine and for every Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling."""
        build = builder(Path(self.root))
        if version == "editable":
            built(build, build.LIBRARY)
            return
        self._folder = tempfile.TemporaryDirectory(prefix="junto-kernels-")
        target = Path(self._folder.name) / build.LIBRARY.name
        if built(build, target):
            machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["tag"] = f"py3-none-{machine}"
            build_data["pure_python"] = False
            build_data["force_include"][str(target)] = f"junto/native/{build.LIBRARY.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """See hatchling."""
        if version != "editable":
            self._folder.cleanup()


def main() -> int:
    """Compile the checkout's kernels if they are not there, or not of these sources."""
    build = builder()
    if build.is_current():
        return 0
    if built(build, build.LIBRARY):
        print(f"compiled {build.LIBRARY.relative_to(ROOT)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
