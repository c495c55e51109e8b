import os

import pytest

from junto.net.buffers import Buffer, MemoryBuffer, SpillBuffer


def make(kind: str, nbytes: int, folder: str | None = None) -> Buffer:
    return MemoryBuffer(nbytes) if kind == "memory" else SpillBuffer(nbytes, folder)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_what_is_written_can_be_read_and_written_to(kind):
    data = os.urandom(100_001)
    buffer = make(kind, len(data))
    for offset in range(0, len(data), 30_000):
        buffer.write(offset, memoryview(data)[offset : offset + 30_000])
    view = buffer.view()
    del buffer
    assert view == data
    view[0] ^= 1
    assert view[1:] == data[1:]


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_discarded_buffer_takes_no_more(kind):
    buffer = make(kind, 10)
    buffer.discard()
    buffer.write(0, memoryview(b"late"))
    buffer.discard()


def test_a_spilled_value_has_no_name_and_grows_as_it_is_written(tmp_path):
    buffer = SpillBuffer(1 << 50, str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    buffer.write(0, memoryview(b"x" * 4096))
    assert os.fstat(buffer._file.fileno()).st_size == 4096
    buffer.discard()


@pytest.mark.parametrize("nbytes", [1 << 62, 1 << 70])
def test_more_memory_than_there_can_be_is_an_os_error(nbytes):
    with pytest.raises(OSError, match=r"reserved|memory"):
        MemoryBuffer(nbytes)


def test_a_folder_that_is_not_there_is_an_os_error():
    with pytest.raises(OSError, match="No such file"):
        SpillBuffer(10, "/nonexistent")
