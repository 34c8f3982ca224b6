"""What a code means, in a few words of the reader's language."""

from api.language import Language
from api.problems import Catalogue


def meaning(code: str, language: Language) -> str:
    """The word of a closed vocabulary, else the title of a rule, else the code itself."""
    words = Catalogue()
    if code in words.ids(language, "word"):
        return words.word(code, language)
    return words.title(code, language) if code in words.ids(language, "title") else code
