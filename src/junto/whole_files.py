"""Files that are there whole or not at all, also after a power cut: the one door by which such are written.

What is written stands beside its place first, under a name that begins with a point, and goes down to the
disk. Then it takes the place in one step, and the folder goes down to the disk, too. So whoever reads sees
the old file or the new one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import weakref
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def draft_of(path: str | os.PathLike[str]) -> Path:
    """Where what is to be at `path` is written first."""
    place = Path(path)
    return place.with_name(f".{place.name}.{secrets.token_hex(8)}.part")


def publish(draft: Path, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Put a draft, down to the disk, in its place; a symbolic link there goes, and is not followed.

    Raises:
        FileExistsError: there is a file, and it is not to be overwritten.
        OSError: the disk or the folder does not take it.
    """
    place = Path(path)
    sync(draft)
    if overwrite:
        os.replace(draft, place)
    else:
        os.link(draft, place)  # fails where there is a file by now
        draft.unlink()
    sync(place.parent)


class UnpublishedFile:
    """A file that is written and does not count yet: it goes with this object, unless it is published.

    Args:
        path: where it is to be.
        mode: its permissions from its first moment, less the umask.

    Attributes:
        draft: where it is written.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str], mode: int = 0o666) -> None:
        self._path = path
        self.draft: Path = draft_of(path)
        with self._named():
            os.close(os.open(self.draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        self.drop: weakref.finalize[Any, Any] = weakref.finalize(self, self.draft.unlink, missing_ok=True)

    @contextmanager
    def written(self) -> Generator[Path]:
        """Where to write it; it is gone if that fails, and down on the disk once the block has ended."""
        try:
            with self._named():
                yield self.draft
                sync(self.draft)
        except BaseException:
            self.drop()
            raise

    def publish(self, *, overwrite: bool = True) -> None:
        """Put it in its place; see `publish`."""
        with self._named():
            publish(self.draft, self._path, overwrite=overwrite)

    @contextmanager
    def _named(self) -> Generator[None]:
        """A full disk names no file, and nobody knows of the draft."""
        try:
            yield
        except OSError as error:
            if error.filename in (None, str(self.draft)):
                error.filename = str(self._path)
            raise


@contextmanager
def written_whole(
    path: str | os.PathLike[str], *, mode: int = 0o666, overwrite: bool = True
) -> Generator[Path]:
    """A file to write, which is at `path` once the block has ended; nothing is there if it fails.

    Args:
        path: where.
        mode: its permissions from its first moment, less the umask.
        overwrite: whether it may take the place of a file.

    Raises:
        FileExistsError: there is a file, and it is not to be overwritten.
        OSError: it cannot be written.
    """
    file = UnpublishedFile(path, mode)
    try:
        with file._named():
            yield file.draft
        file.publish(overwrite=overwrite)
    finally:
        file.drop()


def write_whole(
    path: str | os.PathLike[str],
    pieces: Iterable[bytes | memoryview],
    *,
    mode: int = 0o666,
    overwrite: bool = True,
) -> None:
    """Write a file of these pieces; see `written_whole`."""
    with written_whole(path, mode=mode, overwrite=overwrite) as draft, draft.open("wb") as file:
        file.writelines(pieces)


@contextmanager
def locked(path: str | os.PathLike[str]) -> Generator[bytes]:
    """What is in the file at `path`, which no other process that comes by here changes in this block.

    Raises:
        OSError: it cannot be read.
    """
    while True:
        with open(path, "r+b") as file:  # on network drives only who may write may lock
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
            try:
                same = os.path.samestat(os.fstat(file.fileno()), os.stat(path))
            except FileNotFoundError:
                same = False
            if same:  # else another one has taken its place meanwhile
                try:
                    yield file.read()
                finally:
                    fcntl.flock(file, fcntl.LOCK_UN)  # a process forked meanwhile has the descriptor, too
                return


def sync(path: Path) -> None:
    """A file, or the names that have come to a folder and gone, are so on the disk, too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of a file system that knows no such order
            raise
    finally:
        os.close(descriptor)
