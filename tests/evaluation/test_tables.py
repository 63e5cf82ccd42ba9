import pytest

from refseg.evaluation.tables import percent, report, result_table, table

FIGURES = {
    "n": 2,
    "overall_iou": 0.5,
    "mean_iou": 0.25,
    "precision": {"0.5": 1.0, "0.6": 0.5, "0.7": 0.0, "0.8": 0.0, "0.9": 0.0},
}
NOTHING = {"n": 0, "overall_iou": None, "mean_iou": None, "precision": dict.fromkeys(FIGURES["precision"])}


def test_plain_columns_line_up():
    assert (
        table(["name", "x"], [["a", "1"], ["long name", "10"]])
        == "name        x\n---------  --\na           1\nlong name  10"
    )


def test_markdown_escapes_bars():
    lines = table(["name", "x"], [["a|b", "1"]], "markdown").splitlines()
    assert lines == ["| name | x |", "|------|--:|", "| a\\|b | 1 |"]


def test_rows_must_fit():
    with pytest.raises(ValueError, match="expected 2"):
        table(["a", "b"], [["1"]])


def test_shares_are_printed_in_per_cent():
    assert percent(0.1234) == "12.3" and percent(None) == "-" and percent(1.0, 0) == "100"
    row = result_table({"ours": FIGURES}).splitlines()[-1].split()
    assert row == ["ours", "2", "50.0", "25.0", "100.0", "50.0", "0.0", "0.0", "0.0"]


def test_report_holds_every_part():
    result = FIGURES | {
        "images": 1,
        "seconds": 3.0,
        "protocol": "One sample each.",
        "kinds": {"short": FIGURES, "long": NOTHING},
        "disambiguation": {"n": 4, "accuracy": 0.75, "chance": 0.5},
    }
    text = report(result)
    for part in ("all", "short", "75.0 of 4", "chance 50.0", "2 expressions, 1 images, 3.0 s.", "One sample each."):
        assert part in text
    assert "Meant instance" not in report(result | {"disambiguation": {"n": 0, "accuracy": None, "chance": None}})
