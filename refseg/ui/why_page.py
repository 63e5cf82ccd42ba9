"""What the part "Why this mask" can be asked for by its script: maps, points, words left out, comparisons, candidates, a report."""

import weakref
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from refseg.errors import InputError, UnavailableError
from refseg.explain import Explanation, agreement, attention_at, compare, explain, find_candidates
from refseg.explain.heatmap import heatmap_html
from refseg.explain.report import report_html, write_report
from refseg.explain.sections import described
from refseg.explain.wording import level_names
from refseg.models.system import AttendsFromPlace
from refseg.ui import requests as ask
from refseg.ui.messages import failure
from refseg.ui.requests import Request
from refseg.ui.runner import Runner
from refseg.ui.session import Session
from refseg.ui.why_maps import classes_uri, map_of, scaled_map

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage
    from refseg.inference.segmentation import Segmentation

EMPTY: dict[str, Any] = {"state": "empty", "token": ""}
MAX_PARAPHRASES = 8


class WhyPage:
    """Answers about the session whose token is given; knows sessions as long as their visitors do."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._sessions: weakref.WeakValueDictionary[str, Session] = weakref.WeakValueDictionary()
        self._explanations: weakref.WeakKeyDictionary[Segmentation, Explanation] = weakref.WeakKeyDictionary()
        self._actions: dict[str, Callable[[Session, Segmentation, Request], dict[str, Any]]] = {
            "map": self._map,
            "point": self._point,
            "without": self._without,
            "word": self._word,
            "compare": self._compare,
            "candidates": self._candidates,
            "report": self._report,
            "figure": self._figure,
        }

    def value(self, session: Session) -> dict[str, Any]:
        """What the script is told when there is a new answer; the rest it asks for."""
        found = session.segmentation
        if found is None:
            return EMPTY
        self.know(session)
        return {
            "state": "ready",
            "token": session.token,
            "run": session.run,
            "expression": found.expression,
            "heatmap": "" if found.word_attention is None else heatmap_html(found.tokens, found.word_attention, found.unknown, _map_button),
            "words": list(found.tokens),
            "levels": list(level_names(_levels_of(found))),
            "maps": _maps_of(found),
            "places": self._runner.predictor.can(AttendsFromPlace),
            "presence": None if found.presence is None else round(found.presence, 4),
            "absent": found.absent,
        }

    def know(self, session: Session) -> Session:
        """From now on this session is asked for by its token."""
        self._sessions[session.token] = session
        return session

    def why(self, request: Any) -> dict[str, Any]:
        """Does what `request["do"]` says; a failure is answered with one sentence under "error"."""
        try:
            if not isinstance(request, dict):
                raise InputError("got no request: reload the page")
            session = self._sessions.get(ask.text(request, "token"))
            if session is None or session.segmentation is None:
                raise InputError("this answer is no longer at hand: find it again")
            action = self._actions.get(ask.text(request, "do"))
            if action is None:
                raise InputError(
                    f"got the request {str(request['do'])[:40]!r}, expected one of {', '.join(self._actions)}: reload the page"
                )
            return action(session, session.segmentation, request)
        except Exception as error:
            return {"error": failure(error).text}

    def _map(self, session: Session, found: "Segmentation", request: Request) -> dict[str, Any]:
        """A map as a picture: kind "probability", "response", "word" or the name of another map, of a level and a word if it has these."""
        level = ask.whole(request, "level") if "level" in request else 0
        word = ask.whole(request, "word") if "word" in request else 0
        return map_of(found, ask.text(request, "kind"), level, word)

    def _point(self, session: Session, found: "Segmentation", request: Request) -> dict[str, Any]:
        """What the place x, y (shares of the picture's sides, 0..1) attends to."""
        height, width = session.image.shape[:2]
        x, y = (min(max(ask.number(request, name), 0.0), 1.0 - 1e-9) for name in ("x", "y"))
        attended = attention_at(self._runner.predictor, self._encoded(session), found.expression, x * width, y * height)
        maps = [scaled_map(attended.place_map(level), session.image) for level in range(len(attended.places))]
        return {"words": [[round(float(share), 5) for share in row] for row in attended.words], "maps": maps, "x": x, "y": y}

    def _without(self, session: Session, found: "Segmentation", request: Request) -> dict[str, Any]:
        """What each word does: a row a word, in the order of what changes without it."""
        explanation = self._explanation(session, found)
        rows = [
            {
                "word": left.word,
                "text": left.text,
                "iou": round(left.iou, 4),
                "presence_change": None if left.presence_change is None else round(left.presence_change, 4),
            }
            for left in explanation.ranked()
        ]
        return {"rows": rows}

    def _word(self, session: Session, found: "Segmentation", request: Request) -> dict[str, Any]:
        """The pixels that come and go without a word."""
        left_out = self._explanation(session, found).left_out
        word = ask.whole(request, "word")
        if not 0 <= word < len(left_out):
            raise InputError(f"got the word {word}, expected 0 to {len(left_out) - 1}")
        left = left_out[word]
        before = found.mask(left.threshold)
        return {"classes": classes_uri(before & ~left.lost, left.lost, left.gained), "iou": round(left.iou, 4), "text": left.text}

    def _compare(self, session: Session, found: "Segmentation", request: Request) -> dict[str, Any]:
        """The answer beside that to another expression; with several, how far all of them agree."""
        texts = ask.texts(request, "expressions", MAX_PARAPHRASES)
        if not texts:
            raise InputError("got no expression to compare with: write one, or several, one a line")
        threshold = ask.number(request, "threshold") if "threshold" in request else found.threshold
        encoded = self._encoded(session)
        others = self._runner.predictor.segment(encoded, texts)
        other = others[0]
        first = compare(found, other, threshold)
        told: dict[str, Any] = {
            "iou": round(first.iou, 4),
            "presence": None if other.presence is None else round(other.presence, 4),
            "unknown": list(other.unknown),
            "classes": classes_uri(first.both, first.first_only, first.second_only),
            "text": other.expression,
        }
        if len(texts) > 1:
            agreed = agreement([one.mask(threshold) for one in (found, *others)])
            iou = [[round(float(one), 3) for one in row] for row in agreed.iou]
            told["agreement"] = {
                "texts": [found.expression, *(one.expression for one in others)],
                "iou": iou,
                "mean": round(agreed.mean, 3),
            }
        return told

    def _candidates(self, session: Session, found: "Segmentation", request: Request) -> dict[str, Any]:
        """The strong pieces of the mask; boxes in shares of the picture's sides."""
        height, width = session.image.shape[:2]
        threshold = ask.number(request, "threshold") if "threshold" in request else None
        sides = np.array([width, height, width, height])
        return {
            "candidates": [
                {
                    "number": one.number,
                    "box": [round(float(side), 5) for side in np.array(one.box) / sides],
                    "score": round(one.score, 3),
                    "share": round(one.share, 3),
                }
                for one in find_candidates(found, threshold)
            ]
        }

    def _report(self, session: Session, found: "Segmentation", request: Request) -> dict[str, Any]:
        """The report as a file that the browser may fetch."""
        path = session.shared.file("report.html")
        html = report_html(
            self._explanation(session, found),
            picture_name=session.name,
            model=self._runner.predictor.name,
            settings={"Device": self._runner.place},
            date=date.today().isoformat(),
        )
        write_report(path, html)
        return {"path": str(path), "name": path.name}

    def _figure(self, session: Session, found: "Segmentation", request: Request) -> dict[str, Any]:
        """The heatmap of Eq. 4 as a figure: png, svg or pdf."""
        from refseg.explain.figures import attention_figure, save_figure  # brings matplotlib

        kind = ask.text(request, "kind")
        if kind not in ("png", "svg", "pdf"):
            raise InputError(f"got the kind of figure {kind[:20]!r}, expected png, svg or pdf")
        if found.word_attention is None:
            raise InputError("the model has no word attention, so there is no figure of it")
        path = session.shared.file(f"attention.{kind}")
        save_figure(attention_figure(found.tokens, found.word_attention), path)
        return {"path": str(path), "name": path.name}

    def _explanation(self, session: Session, found: "Segmentation") -> Explanation:
        known = self._explanations.get(found)
        if known is None:
            known = self._explanations[found] = explain(self._runner.predictor, self._encoded(session), found.expression)
        return known

    def _encoded(self, session: Session) -> "EncodedImage":
        if session.encoded is None:
            raise UnavailableError("this needs the picture's features, which cannot be kept where the GPU is lent for one answer at a time")
        return session.encoded


def _levels_of(found: "Segmentation") -> int:
    """Levels of the answer's maps."""
    return max([len(levels) for levels in (found.word_maps, *found.maps.values()) if levels is not None], default=0)


def _maps_of(found: "Segmentation") -> list[dict[str, Any]]:
    """What can be shown besides the words: kind, title, what it means, and whether it has levels."""
    maps: list[dict[str, Any]] = [
        {"kind": "probability", "title": "Probability", "about": "that a pixel belongs to the object meant.", "levels": False}
    ]
    if found.strongest is not None:
        about = "of the strongest feature before the mask is predicted."
        maps.append({"kind": "response", "title": "Response", "about": about, "levels": False})
    for name in found.maps:
        title, about = described(found, name)
        maps.append({"kind": name, "title": title, "about": about, "levels": True})
    return maps


def _map_button(level: int, word: int) -> tuple[str, str]:
    """A cell of the heatmap; the page's script asks for its map."""
    return "button", f'type="button" data-level="{level}" data-word="{word}"'
