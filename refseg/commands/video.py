"""segment the object that an expression names in a video

Writes DIR/overlay.mp4 (H.264), DIR/masks/00000.png, one for each frame used (0 or 255, at the size of the stored
frames), and DIR/timeline.json.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from refseg.commands.arguments import add_mask_arguments, add_model_arguments, check_refinement, count, load_predictor
from refseg.commands.output import output_folder
from refseg.errors import VideoError
from refseg.files import write_json

if TYPE_CHECKING:
    from refseg.inference.timeline import Timeline
    from refseg.inference.video import VideoPredictor
    from refseg.video.reader import Clip

TIMELINE = "timeline.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--input", type=Path, required=True, metavar="F", help="video file: MP4, MOV, WebM, MKV, AVI, MPEG or GIF"
    )
    parser.add_argument("--expression", required=True, metavar="TEXT", help="referring expression, in English")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for the results, created if missing"
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--fps", type=float, metavar="N", help="use about N frames per second")
    chosen.add_argument("--stride", type=count, metavar="N", help="use every N-th frame (default: all frames)")
    parser.add_argument(
        "--start", type=float, default=0.0, metavar="S", help="start, in seconds after the first frame (default: 0)"
    )
    parser.add_argument(
        "--end",
        type=float,
        metavar="S",
        help="end, in seconds after the first frame, exclusive (default: the end of the video)",
    )
    add_model_arguments(parser)
    add_mask_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check the arguments, segment frame by frame, and move the results to the output folder."""
    from refseg.inference.timeline import Timeline, timeline_record
    from refseg.inference.video import VideoPredictor
    from refseg.video.reader import open_clip
    from refseg.video.sampling import Sampling

    path: Path = arguments.input
    if not path.is_file():
        raise VideoError(f"there is no video {path}, expected a video file: check the path")
    clip = open_clip(
        str(path), Sampling(fps=arguments.fps, stride=arguments.stride, start=arguments.start, end=arguments.end)
    )
    check_refinement(arguments.refine)
    predictor = load_predictor(arguments)
    expression = predictor.tokenizer.encode(arguments.expression)
    timeline = Timeline()
    with output_folder(arguments.output, last=TIMELINE) as staging:
        damage = _segment_frames(VideoPredictor(predictor), clip, arguments, staging, timeline)
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
        write_json(staging / TIMELINE, record)
    print(summary(timeline, damage))


def _segment_frames(
    predictor: "VideoPredictor",
    clip: "Clip",
    arguments: argparse.Namespace,
    folder: Path,
    timeline: "Timeline",
) -> str | None:
    """Write masks and overlays of all frames and add them to the timeline.

    Returns why it ended early if the video is damaged, otherwise None. Raises VideoError if no frame can be read.
    """
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
                    _show_progress(len(timeline.entries), len(clip), time.perf_counter() - started)
        except VideoError as error:
            if not timeline.entries:
                raise
            damage = str(error)
    return damage


def _show_progress(done: int, total: int, seconds: float) -> None:
    """Show frames done, rate and time left on one line of the console."""
    rate = done / max(seconds, 1e-9)
    left = (total - done) / rate
    ending = "\n" if done == total else ""
    print(
        f"\r{done}/{total} frames, {rate:.1f} per second, {left:.0f} s left ", end=ending, file=sys.stderr, flush=True
    )


def summary(timeline: "Timeline", damage: str | None) -> str:
    """Describe the result in one line for the console."""
    entries = timeline.entries
    area = sum(entry.area for entry in entries) / len(entries)
    uncertain = sum(entry.is_uncertain for entry in entries)
    notes = [f"overlay.mp4: {len(entries)} frames, mask covers {area:.1%} of the frame on average"]
    if uncertain:
        notes.append(f"{uncertain} uncertain")
    if all(entry.no_target for entry in entries):
        notes.append("probably not in this video")
    if damage is not None:
        notes.append(damage)
    return "; ".join(notes)
