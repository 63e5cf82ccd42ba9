"""segment what an expression names in a video

Writes DIR/overlay.mp4 (H.264), DIR/masks/00000.png, one per frame used (0 or 255, at the size of
the stored frames), and DIR/timeline.json.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from refseg.commands.arguments import add_mask_arguments, add_model_arguments, check_refinement, count, load_predictor
from refseg.commands.output import output_folder
from refseg.errors import VideoError

if TYPE_CHECKING:
    from refseg.inference.timeline import Timeline
    from refseg.inference.video import VideoPredictor
    from refseg.video.reader import Clip

TIMELINE = "timeline.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--input", type=Path, required=True, metavar="F", help="the video: MP4, MOV, WebM, MKV, AVI, MPEG or GIF")
    parser.add_argument("--expression", required=True, metavar="TEXT", help="the referring expression, in English")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the results, created if missing")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--fps", type=float, metavar="N", help="use about N frames a second")
    chosen.add_argument("--stride", type=count, metavar="N", help="use every N-th frame; all of them without --fps and --stride")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="first second used, counted from the first frame (default 0)")
    parser.add_argument("--end", type=float, metavar="S", help="second before which to stop (default: the end of the video)")
    add_model_arguments(parser)
    add_mask_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Checks all arguments, then segments frame by frame, then moves the results to the output folder."""
    from refseg.inference.timeline import Timeline, timeline_record
    from refseg.inference.video import VideoPredictor
    from refseg.video.reader import open_clip
    from refseg.video.sampling import Sampling

    path: Path = arguments.input
    if not path.is_file():
        raise VideoError(f"there is no video {path}: expected the path of a file")
    clip = open_clip(str(path), Sampling(fps=arguments.fps, stride=arguments.stride, start=arguments.start, end=arguments.end))
    check_refinement(arguments.refine)
    predictor = load_predictor(arguments)
    expression = predictor.tokenizer.encode(arguments.expression)
    timeline = Timeline()
    with output_folder(arguments.output, last=TIMELINE) as staging:
        damage = _answer(VideoPredictor(predictor), clip, arguments, staging, timeline)
        record = timeline_record(
            timeline,
            source=str(path),
            model=predictor.name,
            expression=arguments.expression,
            tokens=expression.tokens,
            threshold=predictor.threshold if arguments.threshold is None else arguments.threshold,
            rate=clip.rate,
            pixel_aspect=clip.info.pixel_aspect,
            damage=damage,
        )
        (staging / TIMELINE).write_text(json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(summary(timeline, damage))


def _answer(predictor: "VideoPredictor", clip: "Clip", arguments: argparse.Namespace, folder: Path, timeline: "Timeline") -> str | None:
    """Writes masks and overlays of all frames. Returns why it ended early if the video is damaged. Raises VideoError if no frame could be read."""
    import numpy as np

    from refseg.images import save_png
    from refseg.inference.timeline import mask_name
    from refseg.rendering import overlay
    from refseg.video.writer import write_clip

    (folder / "masks").mkdir()
    damage: str | None = None
    started = time.perf_counter()
    with write_clip(folder / "overlay.mp4", clip.rate, clip.info.pixel_aspect) as writer:
        try:
            for result in predictor.run(clip, arguments.expression):
                mask = result.segmentation.mask(arguments.threshold, refine=arguments.refine)
                timeline.add(result, mask)
                save_png(folder / mask_name(result.frame.number), mask.astype(np.uint8) * 255)
                writer.add(overlay(result.frame.image, mask), result.frame.time - clip.times[0])
                if sys.stderr.isatty():
                    _tell(len(timeline.entries), len(clip), time.perf_counter() - started)
        except VideoError as error:
            if not timeline.entries:
                raise
            damage = str(error)
    return damage


def _tell(done: int, total: int, seconds: float) -> None:
    """Frames done, rate and time left, on one line of the console."""
    rate = done / max(seconds, 1e-9)
    left = (total - done) / rate
    ending = "\n" if done == total else ""
    print(f"\r{done}/{total} frames, {rate:.1f} a second, {left:.0f} s left ", end=ending, file=sys.stderr, flush=True)


def summary(timeline: "Timeline", damage: str | None) -> str:
    """One line for the console."""
    entries = timeline.entries
    area = sum(entry.area for entry in entries) / len(entries)
    doubtful = sum(entry.is_uncertain for entry in entries)
    notes = [f"overlay.mp4: {len(entries)} frames, {area:.1%} of the frame on average"]
    if doubtful:
        notes.append(f"{doubtful} doubtful")
    if all(entry.no_target for entry in entries):
        notes.append("probably not in this video")
    if damage is not None:
        notes.append(damage)
    return "; ".join(notes)
