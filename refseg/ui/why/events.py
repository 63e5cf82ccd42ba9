"""The requests of the script of "Why this mask": maps, points, words left out, comparisons, candidates, a report."""

import weakref
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from refseg.errors import InputError, UnavailableError
from refseg.explain import Explanation, agreement, attention_at, compare, explain, find_candidates
from refseg.explain.heatmap import heatmap_html
from refseg.explain.report import report_html, write_report
from refseg.explain.wording import level_names
from refseg.models.system import AttendsFromPlace
from refseg.ui import request_values as values
from refseg.ui.messages import error_message
from refseg.ui.model_runner import ModelRunner
from refseg.ui.request_values import Request
from refseg.ui.session import ImageSession
from refseg.ui.why.maps import comparison_uri, level_count, map_kinds, map_of, scaled_map

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage, Predictor
    from refseg.inference.segmentation import Segmentation

EMPTY: dict[str, Any] = {"state": "empty", "token": ""}
MAX_EXPRESSIONS = 8  # of a comparison
FIGURE_KINDS = ("png", "svg", "pdf")


class WhyEvents:
    """Answers requests about the session with the token that they name. Refers to sessions weakly."""

    def __init__(self, runner: ModelRunner) -> None:
        self._runner = runner
        self._sessions: weakref.WeakValueDictionary[str, ImageSession] = weakref.WeakValueDictionary()
        self._explanations: weakref.WeakKeyDictionary[Segmentation, Explanation] = weakref.WeakKeyDictionary()
        self._actions: dict[str, Callable[[ImageSession, Segmentation, Request], dict[str, Any]]] = {
            "map": self._map,
            "point": self._point,
            "ablations": self._ablations,
            "ablation": self._ablation,
            "compare": self._compare,
            "candidates": self._candidates,
            "report": self._report,
            "figure": self._figure,
        }

    def value(self, session: ImageSession) -> dict[str, Any]:
        """Value of the widget after a new segmentation. The script requests the rest."""
        segmentation = session.segmentation
        if segmentation is None:
            return EMPTY
        self.register(session)
        words, attention = segmentation.tokens, segmentation.word_attention
        return {
            "state": "ready",
            "token": session.token,
            "run": session.run,
            "expression": segmentation.expression,
            "heatmap": "" if attention is None else heatmap_html(words, attention, segmentation.unknown, _map_button),
            "words": list(words),
            "levels": list(level_names(level_count(segmentation))),
            "places": self._predictor(session).can(AttendsFromPlace),
            "maps": [kind._asdict() for kind in map_kinds(segmentation)],
        }

    def register(self, session: ImageSession) -> ImageSession:
        """From now on this session answers to its token."""
        self._sessions[session.token] = session
        return session

    def why(self, request: Any) -> dict[str, Any]:
        """Does what `request["action"]` names. An error is returned as one sentence under "error"."""
        try:
            if not isinstance(request, dict):
                raise InputError("The request is empty. Reload the page.")
            session = self._sessions.get(values.text(request, "token"))
            if session is None or session.segmentation is None:
                raise InputError("This mask is no longer in memory. Segment the image again.")
            name = values.text(request, "action")
            action = self._actions.get(name)
            if action is None:
                expected = ", ".join(self._actions)
                raise InputError(f"The action is {name[:40]!r}. Expected one of {expected}. Reload the page.")
            return action(session, session.segmentation, request)
        except Exception as error:
            return {"error": error_message(error).text}

    def _map(self, session: ImageSession, segmentation: "Segmentation", request: Request) -> dict[str, Any]:
        """A map: see `map_of`."""
        level = values.integer(request, "level") if "level" in request else 0
        word = values.integer(request, "word") if "word" in request else 0
        return map_of(segmentation, values.text(request, "kind"), level, word)

    def _point(self, session: ImageSession, segmentation: "Segmentation", request: Request) -> dict[str, Any]:
        """What the place x, y attends to. x, y: shares of the image's width and height, 0..1."""
        height, width = session.image.shape[:2]
        x, y = (min(max(values.number(request, name), 0.0), 1.0 - 1e-9) for name in ("x", "y"))
        predictor, encoded = self._predictor(session), self._encoded(session)
        attention = attention_at(predictor, encoded, segmentation.expression, x * width, y * height)
        maps = [scaled_map(attention.place_map(level), session.image) for level in range(len(attention.places))]
        words = [[round(float(share), 5) for share in row] for row in attention.words]
        return {"words": words, "maps": maps, "x": x, "y": y}

    def _ablations(self, session: ImageSession, segmentation: "Segmentation", request: Request) -> dict[str, Any]:
        """How the mask changes without each word, the largest change first."""
        rows = [
            {
                "word": one.word,
                "text": one.text,
                "iou": round(one.iou, 4),
                "presence_change": None if one.presence_change is None else round(one.presence_change, 4),
            }
            for one in self._explanation(session, segmentation).ranked()
        ]
        return {"rows": rows}

    def _ablation(self, session: ImageSession, segmentation: "Segmentation", request: Request) -> dict[str, Any]:
        """The pixels that change without one word."""
        ablations = self._explanation(session, segmentation).left_out
        word = values.integer(request, "word")
        if not 0 <= word < len(ablations):
            raise InputError(f"The word is {word}. Expected 0 to {len(ablations) - 1}.")
        one = ablations[word]
        before = segmentation.mask(one.threshold)
        classes = comparison_uri(before & ~one.lost, one.lost, one.gained)
        return {"classes": classes, "iou": round(one.iou, 4), "text": one.text}

    def _compare(self, session: ImageSession, segmentation: "Segmentation", request: Request) -> dict[str, Any]:
        """The masks of other expressions compared with this one: the first in detail, all by their IoU."""
        expressions = values.texts(request, "expressions", MAX_EXPRESSIONS)
        if not expressions:
            raise InputError("There is no expression to compare. Type at least one, one a line.")
        threshold = values.number(request, "threshold") if "threshold" in request else segmentation.threshold
        others = self._predictor(session).segment(self._encoded(session), expressions)
        other = others[0]
        comparison = compare(segmentation, other, threshold)
        answer: dict[str, Any] = {
            "iou": round(comparison.iou, 4),
            "presence": None if other.presence is None else round(other.presence, 4),
            "unknown": list(other.unknown),
            "classes": comparison_uri(comparison.both, comparison.first_only, comparison.second_only),
            "text": other.expression,
        }
        if len(expressions) > 1:
            agreed = agreement([one.mask(threshold) for one in (segmentation, *others)])
            answer["agreement"] = {
                "texts": [segmentation.expression, *(one.expression for one in others)],
                "iou": [[round(float(one), 3) for one in row] for row in agreed.iou],
                "mean": round(agreed.mean, 3),
            }
        return answer

    def _candidates(self, session: ImageSession, segmentation: "Segmentation", request: Request) -> dict[str, Any]:
        """The separate pieces of the mask. box: shares of the image's width and height."""
        height, width = session.image.shape[:2]
        threshold = values.number(request, "threshold") if "threshold" in request else None
        scale = np.array([width, height, width, height])
        candidates = [
            {
                "number": one.number,
                "box": [round(float(value), 5) for value in np.array(one.box) / scale],
                "score": round(one.score, 3),
                "share": round(one.share, 3),
            }
            for one in find_candidates(segmentation, threshold)
        ]
        return {"candidates": candidates}

    def _report(self, session: ImageSession, segmentation: "Segmentation", request: Request) -> dict[str, Any]:
        """The report as a file that the browser may fetch."""
        path = session.shared_folder.file("report.html")
        html = report_html(
            self._explanation(session, segmentation),
            image_name=session.name,
            model=self._predictor(session).name,
            settings={"Device": self._runner.device_label},
            date=date.today().isoformat(),
        )
        write_report(path, html)
        return {"path": str(path), "name": path.name}

    def _figure(self, session: ImageSession, segmentation: "Segmentation", request: Request) -> dict[str, Any]:
        """The word attention of Eq. 4 as a figure."""
        from refseg.explain.figures import attention_figure, save_figure  # imports matplotlib

        kind = values.text(request, "kind")
        if kind not in FIGURE_KINDS:
            raise InputError(f"The figure is {kind[:20]!r}. Expected one of {', '.join(FIGURE_KINDS)}.")
        if segmentation.word_attention is None:
            raise InputError("The model has no word attention. Choose the report instead.")
        path = session.shared_folder.file(f"attention.{kind}")
        save_figure(attention_figure(segmentation.tokens, segmentation.word_attention), path)
        return {"path": str(path), "name": path.name}

    def _explanation(self, session: ImageSession, segmentation: "Segmentation") -> Explanation:
        known = self._explanations.get(segmentation)
        if known is None:
            known = explain(self._predictor(session), self._encoded(session), segmentation.expression)
            self._explanations[segmentation] = known
        return known

    def _predictor(self, session: ImageSession) -> "Predictor":
        """The predictor whose answer the session shows."""
        return self._runner.predictor_of(session.encoded)

    def _encoded(self, session: ImageSession) -> "EncodedImage":
        if session.encoded is None:
            raise UnavailableError("This needs cached image features. A host with a shared GPU cannot cache them.")
        return session.encoded


def _map_button(level: int, word: int) -> tuple[str, str]:
    """A cell of the word table: tag and attributes. The script requests its map."""
    return "button", f'type="button" data-level="{level}" data-word="{word}"'
