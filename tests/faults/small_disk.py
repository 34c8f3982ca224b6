"""A disk so small that it can be filled: memory mounted on a folder, where this process may mount."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from tests.faults.drill import TEMPORARY

PIECE = 1 << 16


class NotPermitted(Exception):
    """This process may not mount, as in most containers."""


class SmallDisk:
    """A folder on a file system of its own; a file of ballast fills what is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Fill it to the last byte but some."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            for size in (PIECE, 4096, 1):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass
        if leave:
            os.truncate(self._ballast, max(0, self._ballast.stat().st_size - leave))

    def free(self) -> None:
        """Somebody makes room."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """A disk that is there while the block runs. Raises NotPermitted."""
    folder = Path(mkdtemp(prefix=TEMPORARY))
    try:
        options = f"size={megabytes}m,mode=0755"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotPermitted(done.stderr.strip())
        try:
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
