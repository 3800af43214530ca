"""Files with untrusted names: only regular ones inside their folder, of limited size."""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from io import BufferedReader
from pathlib import Path


class Folder:
    """A folder whose files an untrusted list names. It may be a symbolic link itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = os.path.realpath(path)
        self._inside: dict[str, bool] = {}  # by the folder of a name: a list names few folders and many files

    def file(self, name: str) -> Path:
        """Path of the file that `name` stands for, which may be missing. Raises ``ValueError`` with what is wrong."""
        _check_words(name)
        path = _path(self.path, name)
        parent = os.path.dirname(path)
        if parent not in self._inside:
            self._inside[parent] = self._holds(parent)
        if not self._inside[parent]:
            raise ValueError(f"leads out of {self.path.name}/ by a symbolic link")
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                if not self._holds(path):
                    raise ValueError(f"leads out of {self.path.name}/ by a symbolic link")
                mode = os.stat(path).st_mode
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise ValueError("is longer than the file system's names") from None
            return Path(path)  # missing: opening it says so
        if not stat.S_ISREG(mode):
            raise ValueError("is no regular file" + " but a folder" * stat.S_ISDIR(mode))
        return Path(path)

    def _holds(self, path: str) -> bool:
        return os.path.commonpath([self._real, os.path.realpath(path)]) == self._real


def twin(folder: Path, name: str) -> str:
    """Hint at a file of the same name in the other Unicode normal form where `name` itself is missing, else ""."""
    missing = not os.path.lexists(_path(folder, name))
    for form in ("NFC", "NFD"):
        if missing and os.path.exists(_path(folder, unicodedata.normalize(form, name))):
            return f", but the same name in Unicode form {form} is there: rename the file or the entry"
    return ""


def open_regular(path: str | Path, largest: int) -> BufferedReader:
    """Open a file of at most `largest` bytes to read it. Raises ``OSError``, also where it is no regular file."""
    _check_file(os.stat(path), largest)  # opening a device may already do something
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that has come in between would wait
    try:
        _check_file(os.fstat(descriptor), largest)
    except OSError:
        os.close(descriptor)
        raise
    return open(descriptor, "rb")


def _check_file(status: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if status.st_size > largest:
        raise OSError(errno.EFBIG, f"larger than {largest:,} bytes")


def _check_words(name: str) -> None:
    if not name:
        raise ValueError("is empty")
    if "\0" in name:
        raise ValueError("holds a NUL byte")
    if "\\" in name:
        raise ValueError("holds a backslash (write FOLDER/NAME)")
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        raise ValueError("is an absolute path (write it relative to the folder)")
    if ".." in name.split("/"):
        raise ValueError("holds '..'")


def _path(folder: Path, name: str) -> str:
    """Names on the disk are UTF-8 whatever the locale says. Raises ``ValueError`` where `name` is no text."""
    try:
        return os.path.join(folder, os.fsdecode(name.encode("utf-8", "surrogateescape")))
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair") from None
