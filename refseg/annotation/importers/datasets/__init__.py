"""Data sets of Hugging Face: image folders with metadata.jsonl, .csv or .parquet, Parquet shards with embedded images, folders of `save_to_disk`.

Columns are understood by their usual names (see `columns`); those that are not are named in the report. Rows of one image that follow each other become
one image; objects of these rows with the same mask become one object. Parquet and Arrow files need pyarrow, never the `datasets` library, which would run
code of the data set.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from refseg.annotation.importers.datasets.columns import RowContent, RowObject, box_corners, is_image, understand
from refseg.annotation.importers.datasets.find_tables import find_tables, is_table
from refseg.annotation.importers.datasets.tables import Table
from refseg.annotation.importers.mask_images import read_binary_mask, read_label_image
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import IMAGE_SUFFIXES, Source
from refseg.annotation.importers.values import texts, whole
from refseg.annotation.layouts import UNNAMED, VOC_VOID
from refseg.annotation.records import STATES
from refseg.data.masks import BoolMask, decode_rle
from refseg.errors import DataError, UnavailableError
from refseg.images import MAX_BYTES

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif", "GIF": ".gif", "MPO": ".jpg"}
