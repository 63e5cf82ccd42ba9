"""Readers by name."""

from pathlib import Path
from typing import Any

import pytest

from refseg.data import sources
from refseg.data.sources import ReadSource, SourceSpec, open_source, register_reader
from refseg.errors import DataError
from tests.training.conftest import data  # noqa: F401 - a fixture


def test_a_source_is_read_by_the_reader_of_its_layout(data: Path) -> None:  # noqa: F811
    source = open_source(data, SourceSpec("balls", 2.0, options={"complete": True}))
    assert source.share == 2.0 and len(source.scenes) == 2 and source.scenes[0].complete
    assert source.names == ("1.png", "2.png") and ("sports ball", "red ball") in source.expressions


def test_a_reader_of_ones_own(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:  # noqa: F811
    monkeypatch.setattr(sources, "READERS", dict(sources.READERS))

    def reader(folder: Path, **options: Any) -> ReadSource:
        read = sources.read_refcoco_source(folder)
        return read._replace(names=(options["name"],))

    register_reader("mine", reader)
    assert open_source(data, SourceSpec("balls", 1.0, "mine", {"name": "x"})).names == ("x",)
    with pytest.raises(ValueError, match="'refcoco' has a reader already"):
        register_reader("refcoco", reader)


def test_unknown_layouts_and_options_are_refused(data: Path) -> None:  # noqa: F811
    with pytest.raises(DataError, match="layout 'tiff', expected one of refcoco, label-maps, foreground"):
        open_source(data, SourceSpec("balls", 1.0, "tiff"))
    with pytest.raises(DataError, match="options that the reader 'refcoco' does not accept"):
        open_source(data, SourceSpec("balls", 1.0, options={"color": 1}))
