"""Reports: whole in one file, small, escaped, and saying what the explanation says."""

import base64
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refseg.errors import InputError
from refseg.explain.explanation import Explanation
from refseg.explain.overlays import IMAGE_BYTES, changes_uri, image_uri, map_uri, mask_uri, small_mask
from refseg.explain.overview import overview_html
from refseg.explain.report import report_html, write_report
from tests.explain.explained import answer, explanation
from tests.explain.markup import Page

ATTACK = '</style></script><img src=x onerror="alert(1)"><script>alert(2)</script>\'{{$&'


def page(why: Explanation, **changes: Any) -> Page:
    return Page(report_html(why, **{"image_name": "photo.jpg", "model": "tiny", **changes}))


def pixels(uri: str) -> NDArray[np.uint8]:
    """(H, W, 4) of a picture in a data URI."""
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))) as picture:
        return np.asarray(picture.convert("RGBA"))


def cells(markup: str, kind: str) -> list[str]:
    """The numbers in the cells of that class."""
    return re.findall(rf'<td class="{kind}[^>]*>(?:<[^>]*>)*([^<]*)<', markup)


def two_things() -> NDArray[np.float32]:
    logits = np.full((16, 16), -4, np.float32)
    logits[:, :3], logits[:, 12:] = 4, 3
    return logits


def test_nothing_is_fetched() -> None:
    found = page(explanation(answer(("red", "florp"), unknown=["florp"])))
    for _, attributes in found.tags:
        assert all(
            attributes.get(name, "data:").startswith(("data:", "#"))
            for name in ("src", "href", "srcset", "action", "data")
        )
    markup = report_html(explanation(answer()), image_name="photo.jpg", model="tiny")
    assert re.findall(r"https?:|//\w", re.sub(r"base64,[A-Za-z0-9+/=]+", "", markup)) == []
    assert all(target.startswith("data:") for target in re.findall(r"url\(([^)]*)\)", markup))
    assert "@import" not in markup


def test_only_its_own_script_may_run() -> None:
    markup = report_html(explanation(answer()), image_name="photo.jpg", model="tiny")
    (script,) = re.findall(r"<script>(.*?)</script>", markup, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [one["content"] for one in Page(markup).all("meta") if "http-equiv" in one]
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def test_hostile_texts_are_text() -> None:
    words = [ATTACK, "ball"]
    why = explanation(answer(words, unknown=[ATTACK], dropped=[ATTACK], expression=ATTACK))
    why = replace(why, segmentation=replace(why.segmentation, suggestions={ATTACK: [ATTACK]}))
    plain = page(explanation(answer(("red", "ball"), unknown=["red"], dropped=["x"])), date="d", settings={"n": "v"})
    found = page(why, image_name=ATTACK, model=ATTACK, settings={ATTACK: ATTACK}, date=ATTACK)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert found.ids == plain.ids
    assert found.text.count(ATTACK) >= 10
    overview = Page(overview_html([why], ['a"><b>.html'], image_name=ATTACK))
    assert (
        not {"script", "b"} & {tag for tag, _ in overview.tags if tag != "script"} and len(overview.all("script")) == 1
    )
    assert overview.all("a")[0]["href"] == 'a"><b>.html'


def test_a_picture_of_12_megapixels_fits_into_2_megabytes() -> None:
    """Even noise, which no picture format compresses, under noise for maps, of the longest expression."""
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    found = answer(
        [f"word{number}" for number in range(20)], image=image, logits=random.normal(0, 4, (64, 64)).astype(np.float32)
    )
    maps = random.random((3, 20, 64, 64), dtype=np.float32)
    found = replace(
        found, word_maps=maps / maps.sum(1, keepdims=True), maps={"memory_gate": maps[:, 0], "reset_gate": maps[:, 1]}
    )
    markup = report_html(explanation(found), image_name="noise.png", model="tiny")
    assert 300_000 < len(markup.encode()) < 2_000_000
    assert "4000 × 3000" in Page(markup).text


def test_it_says_what_the_explanation_says() -> None:
    why = explanation(answer(("the", "red", "ball")), ious=[1.0, 0.25, 0.5])
    markup = report_html(
        why, image_name="photo.jpg", model="user/name@v1", settings={"Device": "cuda"}, date="2025-02-03"
    )
    found = Page(markup)
    assert cells(markup, "rs-cell") == ["0.17", "0.33", "0.50"] * 3
    assert cells(markup, "iou") == ["0.25", "0.50", "1.00"]
    assert re.findall(r'data-overlay="without-(\d)"', markup) == ["1", "2", "0"]
    for text in (
        "present in this image: 75%",
        "early features",
        "photo.jpg",
        "80 × 40",
        "user/name@v1",
        "cuda",
        "2025-02-03",
        "−0.25",
        "50.0% of the image",
    ):
        assert text in found.text, text
    shares = [float(style) for style in re.findall(r'class="word" style="--share:([\d.]+)"', markup)]
    assert shares == pytest.approx([1 / 3, 2 / 3, 1], abs=1e-3)


def test_it_can_be_read_aloud_and_followed() -> None:
    found = page(explanation(answer(("the", "red", "ball"), logits=two_things())))
    assert all(image["alt"].strip() for image in found.all("img"))
    assert len(found.ids) == len(set(found.ids))
    assert {link["href"].removeprefix("#") for link in found.all("a")} <= set(found.ids)
    assert {
        "map-0-0",
        "map-2-2",
        "memory_gate-2",
        "reset_gate-0",
        "without-2",
        "response",
        "probability",
        "mask",
    } <= set(found.ids)
    assert all("scope" in head for head in found.all("th"))
    assert found.all("html")[0]["lang"] == "en"


def test_what_was_not_read_is_named() -> None:
    found = page(explanation(answer(("florp", "ball"), unknown=["florp"], dropped=["far", "away"])))
    assert "“florp” is not in the model's vocabulary; similar words: ball." in found.text and "far away" in found.text
    marked = [attributes.get("title") for _, attributes in found.tags if "unknown" in attributes.get("class", "")]
    assert len(marked) == 3 and all("not in the vocabulary" in str(title) for title in marked)


def test_verdicts() -> None:
    absent = page(explanation(answer(presence=0.1)))
    assert (
        "Maybe not in this image" in absent.text
        and "The mask is empty; the pixels that reach the threshold" in absent.text
    )
    nothing = page(explanation(answer(logits=np.full((16, 16), -4, np.float32))))
    assert "The mask is empty; nothing reaches the threshold" in nothing.text
    silent = page(explanation(answer(presence=None)))
    assert "sure" not in silent.text and "\u2013" in silent.texts


def test_candidates_are_numbered_where_there_are_several() -> None:
    why = explanation(answer(logits=two_things()))
    found = page(why)
    assert "Candidates" in found.text and "candidates" in found.ids
    assert len(why.candidates) == 2
    for one in why.candidates:
        assert f"{one.score:.0%} probable on average, {one.share:.0%} of the mask" in found.text
    assert "candidates" not in page(explanation(answer())).ids


def test_a_single_word_leaves_nothing_to_ask() -> None:
    assert "no word is left" in page(explanation(answer(("ball",)))).text


def test_a_mask_decided_elsewhere_is_shown() -> None:
    why = explanation(answer())
    mask = np.zeros((40, 80), bool)
    mask[:10] = True
    assert "25.0% of the image" in page(why, mask=mask).text
    assert "50.0% of the image" in page(why).text
    assert "51.2% of the image" in page(replace(why, threshold=0.3)).text, "a threshold of one's own decides"
    with pytest.raises(ValueError, match=r"\(40, 80\)"):
        page(why, mask=mask.T)


def test_layers_show_what_they_stand_for() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:30] = True
    after = np.roll(mask, 10, axis=1)
    painted = pixels(mask_uri(mask))
    assert painted.shape == (40, 60, 4) and np.array_equal(painted[..., 3] > 0, mask)
    assert tuple(painted[20, 20]) == (255, 61, 127, 128) and painted[10, 10, 3] == 255
    changed = pixels(changes_uri(mask, after))
    stays, goes, comes = (tuple(int(value) for value in changed[20, column, :3]) for column in (25, 15, 35))
    assert (stays, goes, comes) == ((255, 255, 255), (245, 130, 32), (41, 151, 255)) and changed[0, 0, 3] == 0
    dark, bright = pixels(map_uri(np.eye(2, dtype=np.float32).repeat(16, 0).repeat(16, 1)))[8, [24, 8], :3].astype(int)
    assert bright.sum() > dark.sum() + 150


def test_pictures_keep_their_budget() -> None:
    smooth = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (256, 256, 3)).repeat(8, 0).repeat(8, 1)
    assert pixels(image_uri(smooth)).shape == (1280, 1280, 4)
    assert len(image_uri(np.random.default_rng(0).integers(0, 256, (1200, 1280, 3), dtype=np.uint8))) <= IMAGE_BYTES


def test_a_small_mask_is_where_half_of_its_pixels_are() -> None:
    mask = np.zeros((4, 8), bool)
    mask[:, 3:] = True
    assert np.array_equal(small_mask(mask, 4), [[False, True, True, True]] * 2)
    assert np.array_equal(small_mask(mask, 100), mask)


def test_writing(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", "<p>caf\u00e9 \udcff</p>")
    assert (tmp_path / "report.html").read_bytes() == "<p>café ?</p>".encode()
    with pytest.raises(InputError, match="cannot write"):
        write_report(tmp_path / "nowhere" / "report.html", "")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
