"""The bytes of a file, read in pieces as often as wanted, and the text that they are.

UTF-8 with or without BOM, UTF-16 with BOM, GB18030; nothing is guessed beyond that.
"""

import codecs
import hashlib
import io
import tempfile
import weakref
from collections.abc import Iterator
from functools import cached_property
from typing import BinaryIO, NamedTuple

from api.bankfiles.refusals import EmptyFile, FileTooLarge, NulByte, UnreadableText

MAX_BYTES = 64 * 1024 * 1024
PIECE = 1 << 16
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Written(NamedTuple):
    """How a text is written."""

    encoding: str
    end: str
    """What ends its lines."""
    lines: int


class Source:
    """A file as it was when it was opened. Raises EmptyFile, FileTooLarge."""

    def __init__(self, data: bytes | BinaryIO) -> None:
        self._file = io.BytesIO(data) if isinstance(data, bytes) else _copied(data)
        weakref.finalize(self, self._file.close)
        self.size = self._file.seek(0, io.SEEK_END)
        if self.size > MAX_BYTES:
            raise FileTooLarge(found=str(self.size))
        if not any(piece.strip() for piece in self.pieces()):
            raise EmptyFile

    def pieces(self) -> Iterator[bytes]:
        """All bytes, so many at a time; several readers may be at it at once."""
        for at in range(0, self.size, PIECE):
            self._file.seek(at)
            yield self._file.read(PIECE)

    def opened(self) -> BinaryIO:
        """The file from its start, for one reader."""
        self._file.seek(0)
        return self._file

    @property
    def head(self) -> bytes:
        """Its first bytes."""
        return next(self.pieces())

    @cached_property
    def sha256(self) -> str:
        """Hash of its exact bytes, hex."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()

    @cached_property
    def written(self) -> Written:
        """How its text is written. Raises NulByte, UnreadableText with the line where it fails."""
        if self.head.startswith(_UTF16):
            return self._read_as("utf-16", 0)
        try:
            return self._read_as("utf-8", 0)
        except UnicodeDecodeError as error:
            return self._read_as("gb18030", error.start)

    def text(self) -> Iterator[str]:
        """The text in pieces. Raises what `written` raises."""
        return self._decoded(self.written.encoding)

    def lines(self, longest: int) -> Iterator[str]:
        """The text between ends of lines; what is longer comes in parts of more than `longest` characters."""
        end, rest = self.written.end, ""
        for piece in self.text():
            *whole, rest = (rest + piece).split(end)
            yield from whole
            if len(rest) > longest:
                yield rest
                rest = ""
        yield rest

    def _read_as(self, encoding: str, got_to: int) -> Written:
        """Raises UnicodeDecodeError for UTF-8, whose `start` counts from the start of the file."""
        feeds = returns = 0
        try:
            for piece in self._decoded(encoding):
                if (at := piece.find("\0")) >= 0:
                    raise NulByte(line=feeds + piece.count("\n", 0, at) + 1)
                feeds, returns = feeds + piece.count("\n"), returns + piece.count("\r")
        except UnicodeDecodeError as error:
            if encoding == "utf-8":
                raise
            raise UnreadableText(line=self._line_at(max(got_to, error.start))) from error
        return Written(encoding, "\n" if feeds else "\r", (feeds or returns) + 1)

    def _decoded(self, encoding: str) -> Iterator[str]:
        decoder, at = codecs.getincrementaldecoder(encoding)(), 0
        for piece in self.pieces():
            before = at - len(decoder.getstate()[0])
            at += len(piece)
            try:
                text = decoder.decode(piece, final=at == self.size)
            except UnicodeDecodeError as error:  # the encoding that got further is the one the file is in
                error.start += before
                raise
            yield text.removeprefix("\ufeff") if at <= PIECE else text

    def _line_at(self, place: int) -> int:
        return sum(piece[: max(0, place - n * PIECE)].count(b"\n") for n, piece in enumerate(self.pieces())) + 1


def _copied(file: BinaryIO) -> BinaryIO:
    """A copy that nobody changes meanwhile: what is hashed is what is read."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - it goes when the source goes
    left = MAX_BYTES + 1
    while left and (piece := file.read(min(PIECE, left))):
        copy.write(piece)
        left -= len(piece)
    return copy
