"""Which changes of an image an expression allows, by its words, and how the words change with the image."""

from __future__ import annotations

import re

_MIRROR = {
    "left": "right",
    "leftmost": "rightmost",
    "lefthand": "righthand",
    "leftside": "rightside",
    "leftward": "rightward",
    "leftwards": "rightwards",
    "lefty": "righty",
    "clockwise": "counterclockwise",
    "counterclockwise": "clockwise",
    "anticlockwise": "clockwise",
}
_MIRROR |= {right: left for left, right in list(_MIRROR.items()) if right not in _MIRROR}
# "right in front", "right behind him", "all right": here the word is not a side, unlike in "on the right behind him".
_NOT_A_SIDE = re.compile(
    r"(?:(?<!\bthe\s)(?<!\bon\s)(?<!\bfar\s)\bright"
    r"(?=\s+(?:in|behind|next|beside|above|below|under|over|by|near|at\s+the\s+(?:front|back|bottom|top|edge)|angle|up|now|there|here|before|after)\b))"
    r"|(?:(?<=\ball\s)right\b)|(?:(?<=\bthat's\s)right\b)"
    r"|(?:\bleft(?=\s+(?:over|behind|alone|open|out|uneaten|unattended)\b))|(?:(?<=\bis\s)left(?=\s+(?:of\s+)?(?:it|him)\b))",
    re.IGNORECASE,
)
_SIDES = re.compile(
    r"(?<![A-Za-z])(?:" + "|".join(sorted(_MIRROR, key=len, reverse=True)) + r")(?![A-Za-z])", re.IGNORECASE
)
_OCLOCK = re.compile(r"\b(1[0-2]|[1-9])(\s*o'?\s*clock)\b", re.IGNORECASE)
# Writing and numbers in the image read backwards once it is mirrored.
_WRITING = re.compile(
    r"[\"\u201c\u201d]|\b(?:says|saying|written|letter|letters|lettering|number|numbers|numbered|logo|text|labell?ed|"
    r"spelling|initials|no\.)\b|#|\d",
    re.IGNORECASE,
)
_POSITION = re.compile(
    r"\b(?:left|right|\w*(?:most|hand)|top|bottom|middle|cent(?:er|re)|upper|lower|corner|edge|side|first|second|third|fourth|fifth|last|1st|2nd|3rd|"
    r"[4-9]th|front|back|background|foreground|near|nearest|nearer|far|farthest|furthest|closest|closer|close|behind|above|below|under|beneath|over|"
    r"next|beside|between|opposite|big|bigger|biggest|large|larger|largest|small|smaller|smallest|tiny|tall|taller|tallest|short|shorter|shortest|"
    r"highest|lowest|high|low|all|both|every|two|three|four|five|six|only|end|row|by|with|alone|whole|full|entire|half|cut|visible)\b",
    re.IGNORECASE,
)
_COLOR = re.compile(
    r"\b(?:black|white|gr[ae]y\w*|red\w*|orange|yellow\w*|green\w*|blue\w*|purple|violet|pink\w*|brown\w*|blond\w*|beige|tan|golden?|silver\w*|teal|"
    r"turquoise|maroon|navy|khaki|cream\w*|colou?r\w*|dark\w*|light|lighter|bright\w*|pale|ginger|tabby|transparent|clear|denim|camel|burgundy|mint|"
    r"magenta|cyan|lavender|ivory|charcoal|rust\w*|copper|bronze|brunette|multicolou?red|rainbow|wooden|metal\w*)\b",
    re.IGNORECASE,
)


def mirror_text(text: str) -> str:
    """The expression after its image is mirrored: left and right swapped, clock directions too; "right behind" and
    the like stay.
    """
    kept = [match.span() for match in _NOT_A_SIDE.finditer(text)]

    def swap(match: re.Match[str]) -> str:
        word = match.group()
        if any(start <= match.start() < end for start, end in kept):
            return word
        swapped = _MIRROR[word.casefold()]
        return swapped.upper() if word.isupper() else swapped.capitalize() if word[0].isupper() else swapped

    def hour(match: re.Match[str]) -> str:
        value = int(match.group(1))
        return f"{value if value == 12 else 12 - value}{match.group(2)}"

    return _OCLOCK.sub(hour, _SIDES.sub(swap, text))


def mentions_writing(text: str) -> bool:
    """Whether the expression mentions writing or numbers in the image, which cannot be read in a mirrored image."""
    return _WRITING.search(_OCLOCK.sub("", text)) is not None


def depends_on_position(text: str) -> bool:
    """Whether the expression compares, counts or places objects, so that a crop could change what it means."""
    return _POSITION.search(text) is not None


def names_color(text: str) -> bool:
    """Whether the expression names a color or shade, so that hue and saturation must stay."""
    return _COLOR.search(text) is not None
