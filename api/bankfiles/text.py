"""From bytes to text: UTF-8 with or without BOM, UTF-16 with BOM, GB18030; nothing is guessed beyond that."""

import codecs
import unicodedata

from api.bankfiles.refusals import EmptyFile, FileTooLarge, NulByte, UnreadableText

MAX_BYTES = 64 * 1024 * 1024
_BLANK = " \t\r\n\u3000\u00a0\ufeff\u200b"


def check_size(data: bytes) -> None:
    """Raises EmptyFile, FileTooLarge."""
    if not data.strip():
        raise EmptyFile
    if len(data) > MAX_BYTES:
        raise FileTooLarge(found=str(len(data)))


def decoded(data: bytes) -> str:
    """The text of a file. Raises EmptyFile, FileTooLarge, NulByte, UnreadableText with the line where it fails."""
    check_size(data)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _checked(data, "utf-16")
    if (at := data.find(b"\0")) >= 0:
        raise NulByte(line=data.count(b"\n", 0, at) + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _checked(data, "gb18030", error.start)


def _checked(data: bytes, encoding: str, got_to: int = 0) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:  # the encoding that got further is the one the file is in
        raise UnreadableText(line=data.count(b"\n", 0, max(got_to, error.start)) + 1) from error
    if (at := text.find("\0")) >= 0:
        raise NulByte(line=text.count("\n", 0, at) + 1)
    return text


def clean(cell: str) -> str:
    """A cell without the blanks that banks pad it with."""
    return cell.strip(_BLANK)


def plain(text: str) -> str:
    """A name for comparison: full-width forms made plain, inner blanks gone."""
    return "".join(unicodedata.normalize("NFKC", text).split()).strip(_BLANK)
