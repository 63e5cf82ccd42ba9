"""Results as tables, in plain text or Markdown; shares are printed in percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from refseg.evaluation.metrics import THRESHOLDS

Style = Literal["plain", "markdown"]


def percent(value: float | None, digits: int = 1) -> str:
    """A share 0..1 in percent, "-" for None."""
    return "-" if value is None else f"{100 * value:.{digits}f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], style: Style = "plain") -> str:
    """Rows of texts under a header; the first column is aligned left, the others right. Raises ValueError for rows of
    another length.
    """
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"got a row of {len(row)} cells, expected {len(header)}")
    cells = [list(header), *(list(row) for row in rows)]
    if style == "markdown":
        cells = [[cell.replace("|", "\\|") for cell in row] for row in cells]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        for row in cells
    ]
    if style == "markdown":
        rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
        printed = ["| " + " | ".join(line) + " |" for line in lines]
    else:
        rule = "  ".join("-" * w for w in widths)
        printed = ["  ".join(line).rstrip() for line in lines]
    return "\n".join([printed[0], rule, *printed[1:]])


def result_table(results: Mapping[str, Mapping[str, Any]], style: Style = "plain") -> str:
    """Results of `evaluate_refcoco` (or the figures of one kind), one named row each, in percent."""
    header = ["", "n", "overall IoU", "mean IoU", *(f"P@{t}" for t in THRESHOLDS)]
    rows = [
        [
            name,
            str(r["n"]),
            percent(r["overall_iou"]),
            percent(r["mean_iou"]),
            *(percent(r["precision"][str(t)]) for t in THRESHOLDS),
        ]
        for name, r in results.items()
    ]
    return table(header, rows, style)


def report(result: Mapping[str, Any], style: Style = "plain") -> str:
    """One result of `evaluate_refcoco` in full: all samples, then by kind, then how often the referent was
    picked.
    """
    lines = [result_table({"all": result, **result["kinds"]}, style), ""]
    choice = result["disambiguation"]
    if choice["n"]:
        picked, chance = percent(choice["accuracy"]), percent(choice["chance"])
        lines.append(
            f"Referent found among several of its category: {picked} of {choice['n']} expressions (chance {chance}), in"
            " percent."
        )
    if no_target := result.get("absence"):
        empty, alarms = percent(no_target["empty"]), percent(no_target["false_alarms"])
        lines.append(
            f"Verdict no-target: for {empty} of {no_target['absent']} no-target expressions, and wrongly for {alarms}"
            f" of {no_target['present']} expressions with a target, in percent."
        )
    lines += [f"{result['n']} expressions, {result['images']} images, {result['seconds']:.1f} s.", result["protocol"]]
    return "\n".join(lines)


def sequence_report(result: Mapping[str, Any], style: Style = "plain") -> str:
    """One result of `evaluate_sequences`: a row for each clip and one for all, then all frames together."""
    figures = {**result["sequences"], "all": result}
    rows = [
        [
            name,
            percent((r["mean_iou"] + r["boundary_f"]) / 2),
            *(percent(r[key]) for key in ("mean_iou", "boundary_f", "instability")),
        ]
        for name, r in figures.items()
    ]
    lines = [
        table(["", "J&F", "region J", "boundary F", "instability"], rows, style),
        "",
        result_table({"all frames": {**result, "mean_iou": None}}, style),
    ]
    return "\n".join([*lines, "", f"{result['n']} frames, {result['seconds']:.1f} s. {result['protocol']}"])
