"""The sentences of all problems, read once from the `.po` files beside it, with their fields filled in."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from string import Formatter

from babel.messages.pofile import read_po

from api.language import LANGUAGES, Language
from ledger.hours import format_hours
from ledger.money import format_yuan

_FOLDER = Path(__file__).parent.parent / "locale"
_CURRENCY: dict[Language, str] = {"zh": "{} 元", "en": "{} yuan"}
_SAME = {"key": "rule", "rule_set_id": "rule_set"}
"""Two rules of one code name the same thing differently."""
_UNITS = {"fen": "_fen", "centihour": "_centihours", "centipercent": "_centipercent"}
"""A rule that states its unit has its numbers told in it: `used` of the unit `fen` is money."""

Context = str
"""`title` and `detail` of a code, `field` errors, `word`s of a closed vocabulary."""


class Catalogue:
    """Titles, details, field errors and words in every language of this program."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._texts = {language: _read(folder / language / "problems.po") for language in LANGUAGES}

    def ids(self, language: Language, context: Context) -> set[str]:
        """What has a text here."""
        return {name for kind, name in self._texts[language] if kind == context}

    def title(self, code: str, language: Language) -> str:
        """What a problem of this code is called."""
        return self._texts[language]["title", code]

    def detail(self, code: str, fields: Mapping[str, object], language: Language) -> str:
        """What happened, with the fields of this occurrence."""
        suffix = _UNITS.get(str(fields.get("unit")), "")
        texts = {name: self._text(name + suffix, value, language) for name, value in fields.items()}
        texts |= {alias: texts[name] for name, alias in _SAME.items() if name in texts}
        return self.pattern(code, language).format_map(texts)

    def pattern(self, code: str, language: Language) -> str:
        """The sentence of a code with its fields in braces."""
        return self._texts[language]["detail", code]

    def field_error(self, code: str, language: Language) -> str:
        """What is wrong with one field, or the title of the rule that an item breaks."""
        texts = self._texts[language]
        return texts.get(("field", code)) or texts["title", code]

    def word(self, word: str, language: Language) -> str:
        """A word of a closed vocabulary in the reader's language; itself where it has no translation."""
        return self._texts[language].get(("word", word), word)

    def placeholders(self, code: str, language: Language) -> set[str]:
        """The fields that a sentence names."""
        return {name for _, name, _, _ in Formatter().parse(self.pattern(code, language)) if name}

    def _text(self, name: str, value: object, language: Language) -> str:
        if isinstance(value, int) and name.endswith("_fen"):
            return _CURRENCY[language].format(format_yuan(value))
        if isinstance(value, int) and name.endswith("_centihours"):
            return format_hours(value)
        if isinstance(value, int) and name.endswith("_centipercent"):
            return f"{format_hours(value)}%"
        if isinstance(value, date):
            return value.isoformat()
        return self.word(str(value), language)


@cache
def _read(path: Path) -> dict[tuple[Context, str], str]:
    with path.open("rb") as file:
        messages = read_po(file)
    return {(str(each.context), str(each.id)): str(each.string) for each in messages if each.id}
