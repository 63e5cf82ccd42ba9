"""Errors as reasons in an import report, where the same reason must read the same for every file."""

from __future__ import annotations

import re


def reason_of(error: Exception, file: str = "") -> str:
    """What completes "file ...": "a.json is not valid JSON (...): write it again" -> "that is not valid JSON"."""
    text = str(error).removeprefix(file).strip(" :")
    reason = re.split(r" \(|: |, ", text, maxsplit=1)[0][:120]
    return reason if reason.startswith(("that ", "with ", "of ")) else f"that {reason}"
