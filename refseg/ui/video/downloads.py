"""Downloads of the video tab, written at the size of the stored frames when their button is clicked."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from refseg.files import write_json
from refseg.inference.timeline import Timeline, timeline_record
from refseg.rendering import overlay
from refseg.ui.saved_files import Saved, nothing_to_save, save_file
from refseg.ui.video.run import VideoRun
from refseg.video.formats import annotation_path, frame_names, meta_expressions, write_masks
from refseg.video.writer import write_clip


class VideoDownloads:
    """The download buttons' callbacks. Each takes the controls' values and the run, which may be unfinished."""

    def save_mp4(self, threshold: float, opacity: float, color: str, outline: bool, run: VideoRun | None) -> Saved:
        """overlay.mp4: the frames of the run with their masks, H.264, without sound."""

        def write(run: VideoRun, path: Path) -> None:
            with write_clip(path, run.clip.rate, run.clip.info.pixel_aspect) as writer:
                for frame in run.clip.part(list(range(run.done))).frames():
                    drawn = overlay(frame.image, run.mask(frame.number, threshold), color, opacity, outline)
                    writer.add(drawn, frame.time - run.clip.times[0])

        return _save(run, "overlay.mp4", write)

    def save_masks(self, threshold: float, run: VideoRun | None) -> Saved:
        """masks.zip: Annotations/CLIP/00000.png, indexed PNGs with DAVIS's palette, named by the frame's index."""

        def write(run: VideoRun, path: Path) -> None:
            write_masks(path, run.name, run.masks(threshold), _names(run))

        return _save(run, "masks.zip", write)

    def save_expressions(self, run: VideoRun | None) -> Saved:
        """meta_expressions.json, as in Ref-YouTube-VOS."""

        def write(run: VideoRun, path: Path) -> None:
            write_json(path, meta_expressions(run.name, [run.expression], _names(run)))

        return _save(run, "meta_expressions.json", write)

    def save_timeline(self, threshold: float, run: VideoRun | None) -> Saved:
        """timeline.json: as `python -m refseg video` writes it. It names the masks as masks.zip does."""

        def write(run: VideoRun, path: Path) -> None:
            record = timeline_record(
                timeline_at(run, threshold),
                source=run.name,
                model=run.model,
                expression=run.expression,
                tokens=run.tokens,
                threshold=threshold,
                rate=run.clip.rate,
                pixel_aspect=run.clip.info.pixel_aspect,
                damage=run.damage,
                masks=[annotation_path(run.name, name) for name in _names(run)],
            )
            write_json(path, record)

        return _save(run, "timeline.json", write)


def timeline_at(run: VideoRun, threshold: float) -> Timeline:
    """The run's timeline with the areas and overlaps of its masks at a threshold."""
    timeline = Timeline()
    for entry, mask in zip(run.timeline.entries, run.masks(threshold), strict=True):
        timeline.append(entry, mask)
    return timeline


def _names(run: VideoRun) -> list[str]:
    return frame_names(entry.index for entry in run.timeline.entries)


def _save(run: VideoRun | None, name: str, write: Callable[[VideoRun, Path], None]) -> Saved:
    if run is None or not run.done:
        return nothing_to_save()
    return save_file(run.folder, name, partial(write, run))
