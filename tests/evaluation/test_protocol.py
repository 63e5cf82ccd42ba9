import json

import numpy as np
import pytest
from PIL import Image

from refseg.data.refcoco import read_refcoco
from refseg.errors import DataError, ExpressionError
from refseg.evaluation.protocol import evaluate_refcoco

HEIGHT, WIDTH = 20, 30
BOXES = {"left": (2, 4, 10, 16), "right": (18, 4, 28, 16)}


def polygon(box):
    left, top, right, bottom = box
    return [[left, top, right, top, right, bottom, left, bottom]]


def box_mask(box):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)).save(tmp_path / "images" / name)
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": polygon(BOXES["left"])},
        {"id": 2, "image_id": 1, "category_id": 1, "segmentation": polygon(BOXES["right"])},
        {"id": 3, "image_id": 1, "category_id": 1, "segmentation": polygon(BOXES["left"])},
        {"id": 4, "image_id": 2, "category_id": 1, "segmentation": polygon(BOXES["left"])},
    ]
    images = [
        {"id": k, "file_name": n, "width": WIDTH, "height": HEIGHT, "split": "val"}
        for k, n in ((1, "a.png"), (2, "b.png"))
    ]
    refs = [
        {
            "ref_id": 1,
            "ann_id": 1,
            "sentences": [{"sent": "left dog"}, {"sent": "the dog that is sitting beside the other one"}],
        },
        {"ref_id": 2, "ann_id": 2, "sentences": [{"sent": "right dog"}]},
        {"ref_id": 3, "ann_id": 4, "sentences": [{"sent": "dog"}, {"sent": "!?"}]},
    ]
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dog"}]}
    (tmp_path / "instances.json").write_text(json.dumps(coco))
    (tmp_path / "expressions.json").write_text(json.dumps(refs))
    return read_refcoco(tmp_path, "val")


class Segmentation:
    def __init__(self, mask):
        self._mask = mask
        self.asked = None

    def mask(self, threshold=None, refine="none"):
        self.asked = (threshold, refine)
        return self._mask


class Predictor:
    """Answers by the side the expression names, the left one by default; counts its passes."""

    threshold = 0.4

    def __init__(self):
        self.encoded = 0
        self.passes = []
        self.answers = []

    def encode(self, image):
        assert image.shape == (HEIGHT, WIDTH, 3)
        self.encoded += 1
        return self.encoded

    def segment(self, encoded, expressions):
        if "!?" in expressions:
            raise ExpressionError("the expression has only symbols")
        self.passes.append((encoded, list(expressions)))
        answers = [
            Segmentation(box_mask(BOXES["right" if "right" in e or "sitting" in e else "left"])) for e in expressions
        ]
        self.answers += answers
        return answers


def test_every_sentence_is_a_sample(dataset):
    predictor = Predictor()
    seen = []
    result = evaluate_refcoco(predictor, dataset, progress=lambda done, total: seen.append((done, total)))
    assert result["n"] == 5 and result["images"] == 2 and result["unusable"] == 1
    # Right: "left dog", "right dog", "dog". Wrong: the long one (the other dog), and the one without words (empty).
    areas = {side: int(box_mask(box).sum()) for side, box in BOXES.items()}
    total = 2 * areas["left"] + areas["right"]
    assert result["overall_iou"] == pytest.approx(total / (total + areas["left"] + areas["right"] + areas["left"]))
    assert result["mean_iou"] == pytest.approx(3 / 5)
    assert result["precision"]["0.9"] == pytest.approx(3 / 5)
    assert seen == [(1, 2), (2, 2)]
    assert json.loads(json.dumps(result)) == result


def test_one_encoding_and_one_pass_a_picture(dataset):
    predictor = Predictor()
    evaluate_refcoco(predictor, dataset, limit=1)
    assert predictor.encoded == 1
    assert predictor.passes == [(1, ["left dog", "the dog that is sitting beside the other one", "right dog"])]


def test_disambiguation_ignores_things_labelled_twice(dataset):
    result = evaluate_refcoco(Predictor(), dataset)
    assert result["disambiguation"] == {"n": 3, "accuracy": pytest.approx(2 / 3), "chance": pytest.approx(0.5)}


def test_kinds_are_scored_apart(dataset):
    kinds = evaluate_refcoco(Predictor(), dataset)["kinds"]
    assert (kinds["position words"]["n"], kinds["position words"]["mean_iou"]) == (2, 1.0)
    assert (kinds["long"]["n"], kinds["long"]["mean_iou"]) == (1, 0.0)
    assert kinds["color words"]["n"] == 0 and kinds["color words"]["overall_iou"] is None


def test_threshold_and_refinement_are_passed_on_and_told(dataset):
    predictor = Predictor()
    result = evaluate_refcoco(predictor, dataset, refine="crf", threshold=0.3, limit=1)
    assert {answer.asked for answer in predictor.answers} == {(0.3, "crf")}
    assert (
        "thresholded at 0.3" in result["protocol"]
        and "crf" in result["protocol"]
        and "first 1 images" in result["protocol"]
    )
    assert "verdict no-target is overruled" in result["protocol"]
    own = evaluate_refcoco(predictor, dataset)["protocol"]
    assert "thresholded at 0.4" in own and "if the model's verdict is no-target the mask is empty" in own


def test_nothing_to_measure_and_pictures_of_another_size(dataset):
    with pytest.raises(DataError, match="no image with expressions"):
        evaluate_refcoco(Predictor(), dataset, limit=0)
    Image.fromarray(np.zeros((5, 5, 3), np.uint8)).save(dataset.root / "images" / "a.png")
    with pytest.raises(DataError, match="5 x 5, expected 30 x 20"):
        evaluate_refcoco(Predictor(), dataset)
