"""Why this mask, in the browser: words, places, counterfactuals, candidates, files."""

from pathlib import Path

import numpy as np
import pytest

from refseg.explain import attention_at, explain, find_candidates
from refseg.images import load_image
from tests.browser.visitor import ImageVisitor, Site, Visit

EXPRESSION = "the red ball on the left"


@pytest.fixture
def curious(visit: Visit, photo: Path) -> ImageVisitor:
    """A user who has segmented an image and opened the part "Why this mask"."""
    visitor = visit(ImageVisitor)
    visitor.open(photo)
    visitor.find(EXPRESSION)
    visitor.page.click("#rs-why button")
    visitor.page.wait_for_selector(".rs-why-panel[data-ablations]")
    return visitor


def noted(visitor: ImageVisitor, name: str) -> str:
    return str(visitor.page.get_attribute(".rs-why-panel", f"data-{name}"))


def test_words_places_and_what_changes_without_a_word(curious: ImageVisitor, site: Site, photo: Path) -> None:
    page, predictor = curious.page, site.predictor
    encoded = predictor.encode(load_image(photo))
    wanted = explain(predictor, encoded, EXPRESSION)
    cells = page.locator(".rs-heatmap .rs-cell").all_inner_texts()
    np.testing.assert_allclose([float(cell) for cell in cells], wanted.segmentation.word_attention.ravel(), atol=0.0051)
    rows = page.locator(".rs-ablation").evaluate_all("rows => rows.map((row) => Number(row.dataset.word))")
    assert rows == [word.word for word in wanted.ranked()]

    page.click('.rs-cell [data-level="1"][data-word="2"]')
    page.wait_for_function("() => document.querySelector('.rs-why-panel').dataset.map === '“ball”'")
    assert "middle features" in page.inner_text(".rs-map-about")

    box = page.locator(".rs-map-image").bounding_box()
    page.mouse.click(box["x"] + 0.26 * box["width"], box["y"] + 0.58 * box["height"])
    page.wait_for_selector(".rs-why-panel[data-point]")
    x, y = (float(part) for part in noted(curious, "point").split())
    attended = attention_at(predictor, encoded, EXPRESSION, x * 720, y * 480)
    shares = page.locator(".rs-share").evaluate_all("all => all.map((one) => Number(one.dataset.share))")
    np.testing.assert_allclose(np.reshape(shares, (3, -1)), attended.words, atol=2e-4)

    page.locator(".rs-ablation").first.click()
    page.wait_for_function("() => document.querySelector('.rs-why-panel').dataset.map.startsWith('Without')")
    first = wanted.ranked()[0]
    assert int(noted(curious, "first")) == first.lost.sum() and int(noted(curious, "second")) == first.gained.sum()
    assert not curious.errors


def test_the_words_can_be_changed_and_compared(curious: ImageVisitor) -> None:
    page = curious.page
    before = curious.pixels()
    page.click("[data-swap]")
    page.wait_for_selector(".rs-why-panel[data-compared]")
    assert "“the red ball on the right”" in page.inner_text(".rs-comparison-text")
    page.click('.rs-word-edits button:has-text("ball")')
    page.wait_for_function(
        "() => document.querySelector('.rs-comparison-text').textContent.includes('“the red on the right”')"
    )
    page.select_option(".rs-word-edits select", "blue")
    page.wait_for_function(
        "() => document.querySelector('.rs-comparison-text').textContent.includes('“the blue on the right”')"
    )
    page.fill(".rs-compare-form textarea", f"{EXPRESSION}\n<b>dog</b>")
    page.click(".rs-compare-form button")
    page.wait_for_selector(".rs-agreement-table table")
    assert page.locator(".rs-agreement-table tr").count() == 3 and page.locator(".rs-agreement-table b").count() == 0
    np.testing.assert_array_equal(curious.pixels(), before)  # the result itself stays
    assert not curious.errors


def test_a_candidate_is_chosen_and_saved(curious: ImageVisitor, site: Site, photo: Path) -> None:
    page, predictor = curious.page, site.predictor
    (found,) = predictor.segment(predictor.encode(load_image(photo)), [EXPRESSION])
    levels = [level / 100 for level in range(3, 97)]
    threshold = next(level for level in levels if len(find_candidates(found, level)) > 1)
    parts = find_candidates(found, threshold)
    curious.set_slider("threshold", threshold)
    page.wait_for_function(
        "count => Number(document.querySelector('.rs-why-panel').dataset.candidates) === count", arg=len(parts)
    )
    page.click('.rs-candidates [data-number="2"]')
    share = 100 * float(parts[1].mask.mean())
    curious.wait_area(share - 1.5, share + 1.5)
    _, data = curious.download("mask")
    saved = load_image(data)[..., 0] > 0
    np.testing.assert_array_equal(saved, parts[1].mask)
    page.click('.rs-candidates [data-number="0"]')
    share = 100 * float(found.mask(threshold).mean())
    curious.wait_area(share - 1.5, share + 1.5)


def test_figures_and_the_report_are_downloaded(curious: ImageVisitor, visit: Visit, tmp_path: Path) -> None:
    for kind, start in (("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")):
        with curious.page.expect_download() as info:
            curious.page.click(f'[data-download="{kind}"]')
        assert (
            Path(info.value.path()).read_bytes().startswith(start)
            and info.value.suggested_filename == f"attention.{kind}"
        )
    with curious.page.expect_download() as info:
        curious.page.click('[data-download="report"]')
    report = tmp_path / "report.html"
    report.write_bytes(Path(info.value.path()).read_bytes())
    page = curious.page.context.browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    assert EXPRESSION in page.inner_text("body") and all(url.startswith(("file:", "data:")) for url in asked)
    page.close()
