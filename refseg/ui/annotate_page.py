"""What the annotation tab's script can ask for. One request does one thing at a desk and is answered with what has changed."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from refseg.annotation.batch import Progress, find_everywhere
from refseg.annotation.desk import Desk, Refine
from refseg.annotation.records import STATES, Layer
from refseg.annotation.store import Project
from refseg.annotation.targets import Fresh, Target
from refseg.errors import InputError, ProjectError
from refseg.image_encoding import jpeg_uri, reduced_image
from refseg.inference import crf
from refseg.ui import requests as ask
from refseg.ui.annotate_files import Files
from refseg.ui.annotate_view import View, damage_of, entries_of, entry_of
from refseg.ui.messages import failure
from refseg.ui.proposer import Proposer
from refseg.ui.requests import Request
from refseg.ui.runner import Runner
from refseg.ui.session import CAPACITY
from refseg.ui.shelf import Shelf

AWAKE = 8  # seats that keep their picture, its features and the model's maps: some hundred megabytes each for large ones
MAX_EXPRESSIONS = 50  # of a batch, or of a thing
WITHOUT_TURN = ("next", "export", "progress", "detail")  # they take long, or are asked for meanwhile; what they touch takes the turn itself
CHANGING = ("find", "threshold", "draw", "click", "box", "repair", "describe", "delete", "mark")  # the picture at hand, which they may name


class Seat:
    """One window's place: its desk, what its script has been told, its files and its batch."""

    def __init__(self, project: Project, runner: Runner, shelf: Shelf) -> None:
        self.proposer, self.batch_proposer = Proposer(runner), Proposer(runner)  # a batch goes through other pictures than the one at hand
        refine: Refine | None = crf.refine_mask if crf.available() else None
        self.desk = Desk(project, self.proposer, refine)
        self.view, self.files = View(), Files(project, shelf)
        self.batch: Iterator[Progress] | None = None

    def rest(self) -> None:
        """Somebody who has not asked for long: keeps the place and the history, not the pictures."""
        if self.desk.turn.acquire(blocking=False):
            self.desk.rest()
            self.proposer.rest()
            self.batch_proposer.rest()
            self.desk.turn.release()


class AnnotatePage:
    """The tab's server side. Seats are kept in memory, at most `CAPACITY`; losing one loses no work but the history of undo."""

    def __init__(self, runner: Runner, shelf: Shelf) -> None:
        self._runner, self._shelf = runner, shelf
        self._seats: OrderedDict[tuple[str, str], Seat] = OrderedDict()
        self._lock = threading.Lock()
        self._actions: dict[str, Callable[[Seat, Request], dict[str, Any] | None]] = {
            "enter": self._enter,
            "list": self._list,
            "open": lambda seat, request: seat.desk.open(ask.text(request, "name")),
            "move": lambda seat, request: seat.desk.move(ask.whole(request, "by")),
            "find": lambda seat, request: _layer(seat.desk.find(ask.text(request, "expression"))),
            "threshold": lambda seat, request: seat.desk.set_threshold(ask.text(request, "layer"), ask.number(request, "value")),
            "draw": self._draw,
            "click": self._click,
            "box": self._box,
            "repair": lambda seat, request: _layer(seat.desk.repair(ask.text(request, "layer"), ask.text(request, "how"))),
            "describe": self._describe,
            "delete": lambda seat, request: seat.desk.delete(ask.text(request, "layer")),
            "mark": self._mark,
            "remove": self._remove,
            "undo": self._undo,
            "redo": self._redo,
            "add": self._add,
            "batch": self._batch,
            "next": self._next,
            "detail": self._detail,
            "stop": self._stop,
            "import": lambda seat, request: seat.files.take(ask.text(request, "format"), ask.uploaded(request)),
            "export": lambda seat, request: seat.files.export(ask.text(request, "format")),
            "progress": lambda seat, request: seat.files.progress(),
        }

    def desk(self, request: Any) -> dict[str, Any]:
        """Does what `request["do"]` says. A failure is answered with one sentence under "error"; nothing is lost by it."""
        try:
            if not isinstance(request, dict):
                raise InputError("got no request: reload the page")
            return self._answer(request)
        except Exception as error:
            return {"error": failure(error).text}

    def _answer(self, request: Request) -> dict[str, Any]:
        do = ask.text(request, "do")
        if do == "start":
            return {"projects": self._shelf.names(), "listed": self._shelf.listed, "place": self._shelf.place, **self._abilities()}
        if do == "create":
            return {"key": self._shelf.create(ask.text(request, "name"))}
        action = self._actions.get(do)
        if action is None:
            raise InputError(f"got the request {do[:40]!r}, expected one of {', '.join(self._actions)}: reload the page")
        seat = self._seat(ask.text(request, "key"), ask.text(request, "window"))
        if do in WITHOUT_TURN:
            return action(seat, request) or {}
        with seat.desk.turn:
            if do in CHANGING:
                _check_picture(seat, request)
            before = seat.desk.here
            told = action(seat, request) or {}
            return {**seat.view.of(seat.desk), "left": _left(seat, before), **told}

    def _abilities(self) -> dict[str, Any]:
        return {"edges": crf.available(), "exports": Files.exports(), "imports": Files.imports()}

    def _seat(self, key: str, window: str) -> Seat:
        with self._lock:
            known = self._seats.get((key, window))
        # Many records may have to be read: nobody else waits for that.
        seat = known or Seat(self._shelf.open(key), self._runner, self._shelf)
        with self._lock:
            seat = self._seats.setdefault((key, window), seat)  # where two requests have opened it at once, the first seat is both's
            self._seats.move_to_end((key, window))
            while len(self._seats) > CAPACITY:
                self._seats.popitem(last=False)
            for idle in list(self._seats.values())[:-AWAKE]:
                idle.rest()
            return seat

    # --- each of these is one request

    def _enter(self, seat: Seat, request: Request) -> dict[str, Any]:
        """The page was loaded: everything anew, as it is on disk."""
        if "author" in request:
            seat.desk.author = ask.text(request, "author", 100)
        seat.view.forget()
        seat.desk.project.refresh()
        name = request.get("name")
        known = [entry.name for entry in seat.desk.project.entries]
        here = seat.desk.here
        if here not in known:
            seat.desk.close()  # another window has removed it
        if known:
            seat.desk.open(next(one for one in (name, here, known[0]) if one in known))
        seat.desk.notes = damage_of(seat.desk.project)
        return {"project": seat.desk.project.name, **self._list(seat, request)}

    def _list(self, seat: Seat, request: Request) -> dict[str, Any]:
        wanted = ask.texts(request, "states", len(STATES)) if request.get("states") else STATES
        states = tuple(state for state in STATES if state in wanted)
        seat.desk.listing.sort(states or STATES, ask.flag(request, "hardest"))
        return _listed(seat)

    def _draw(self, seat: Seat, request: Request) -> dict[str, Any]:
        points = np.asarray(ask.points(request, "points"), dtype=np.float64)
        return _layer(seat.desk.draw(_target(request), points, ask.number(request, "radius"), ask.flag(request, "add")))

    def _click(self, seat: Seat, request: Request) -> dict[str, Any]:
        place = ask.points(request, "points")
        positive, negative = (place, []) if ask.flag(request, "add") else ([], place)
        return _layer(seat.desk.click(_target(request), positive, negative))

    def _box(self, seat: Seat, request: Request) -> dict[str, Any]:
        (left, top), (right, bottom) = ask.points(request, "points", 2)
        return _layer(seat.desk.box(_target(request), (left, top, right, bottom)))

    def _describe(self, seat: Seat, request: Request) -> dict[str, Any]:
        values = {name: request[name] for name in ("category", "colour") if isinstance(request.get(name), str)}
        values |= {name: request[name] for name in ("hidden", "absent") if isinstance(request.get(name), bool)}
        if "expressions" in request:
            values["expressions"] = tuple(ask.texts(request, "expressions", MAX_EXPRESSIONS))
        return _layer(seat.desk.describe(_target(request), **values))

    def _mark(self, seat: Seat, request: Request) -> None:
        seat.desk.mark(ask.text(request, "state"))
        if ask.flag(request, "on"):
            seat.desk.move(1)

    def _remove(self, seat: Seat, request: Request) -> dict[str, Any]:
        if ask.text(request, "name") != seat.desk.record.name:
            raise InputError("got the name of another picture than the one at hand: open it first")
        seat.desk.remove()
        return _listed(seat)

    def _undo(self, seat: Seat, request: Request) -> None:
        seat.desk.undo()

    def _redo(self, seat: Seat, request: Request) -> None:
        seat.desk.redo()

    def _add(self, seat: Seat, request: Request) -> dict[str, Any]:
        record = seat.files.add(ask.uploaded(request), ask.text(request, "name"))
        if seat.desk.here is None:
            seat.desk.open(record.name)
        return {"added": record.name, **(_listed(seat) if ask.flag(request, "last") else {})}

    def _batch(self, seat: Seat, request: Request) -> dict[str, Any]:
        said = ask.texts(request, "expressions", MAX_EXPRESSIONS)
        if not said:
            raise InputError("got no expression, expected one at least: write one a line")
        self._end_batch(seat)
        seat.batch = find_everywhere(seat.desk, seat.batch_proposer, seat.desk.listing.names(), said)
        return self._next(seat, request)

    def _detail(self, seat: Seat, request: Request) -> dict[str, Any]:
        """A part of the picture from closer by: what the screen has room for of the box [[left, top], [right, bottom]]."""
        (left, top), (right, bottom) = ask.points(request, "points", 2)
        with seat.desk.turn:
            name, image = seat.desk.record.name, seat.desk.image
        height, width = image.shape[:2]
        box = max(0, int(left)), max(0, int(top)), min(width, int(right) + 1), min(height, int(bottom) + 1)
        if box[0] >= box[2] or box[1] >= box[3]:
            raise InputError(f"got the box {box}, expected one inside the picture of {width} x {height}")
        part = np.ascontiguousarray(image[box[1] : box[3], box[0] : box[2]])
        return {"name": name, "box": box, "uri": jpeg_uri(reduced_image(part))}

    def _next(self, seat: Seat, request: Request) -> dict[str, Any]:
        progress = next(seat.batch, None) if seat.batch is not None else None
        if progress is None:
            with seat.desk.turn:
                return self._stop(seat, request)
        told = {"done": progress.done, "total": progress.total, "added": progress.added, "problems": list(progress.problems)}
        return {"batch": told}

    def _stop(self, seat: Seat, request: Request) -> dict[str, Any]:
        """Ends a batch, as one step for the history; what it found stays, and the list is sorted by what is known now."""
        self._end_batch(seat)
        seat.desk.listing.sort_again()
        return {"batch": None, **_listed(seat)}

    def _end_batch(self, seat: Seat) -> None:
        batch, seat.batch = seat.batch, None
        if batch is not None:
            batch.close()  # type: ignore[attr-defined]  # a generator
            seat.batch_proposer.rest()


def _check_picture(seat: Seat, request: Request) -> None:
    """What was asked about one picture is not done to another. Raises ProjectError; a request that names none is about the one at hand."""
    named = ask.maybe_text(request, "picture")
    if named is not None and named != seat.desk.record.name:
        raise ProjectError(
            f"this was meant for {named[:80]}, but the picture at hand is {seat.desk.record.name} now: look again, and do it anew"
        )


def _left(seat: Seat, before: str | None) -> list[Any] | None:
    """What has become of the picture that a request has left, as the list shows it; None where none was left or it is gone."""
    entry = None if before is None or before == seat.desk.here else seat.desk.project.entry(before)
    return None if entry is None else entry_of(entry)


def _target(request: Request) -> Target:
    """The layer that a request is about: one that is there, one that the script has named itself and that may not be there yet, or None for a new one."""
    return Fresh(ask.text(request, "layer")) if ask.flag(request, "fresh") else ask.maybe_text(request, "layer")


def _layer(layer: Layer) -> dict[str, Any]:
    """The layer that a request was about, for the script to select."""
    return {"layer": layer.id}


def _listed(seat: Seat) -> dict[str, Any]:
    return {"entries": entries_of(seat.desk.listing.entries(seat.desk.here))}
