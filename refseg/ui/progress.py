"""Plans and progress of a video run as markup: frames, rate, time left."""

from html import escape

from refseg.video.reader import Clip

WAITING = '<div class="rs-progress" data-state="waiting"><p role="status">Waiting for another run to end.</p></div>'


def plan_html(clip: Clip, seconds_per_frame: float | None, device: str) -> str:
    """The size and the expected duration of a run, before it starts."""
    info = clip.info
    frames = "1 frame" if len(clip) == 1 else f"{len(clip):,} frames"
    parts = [f"<strong>{frames}</strong> of {clip.total:,}", f"{info.width} × {info.height}", f"{info.duration:.1f} s"]
    if info.pixel_aspect != 1:
        parts.append(f"pixels {info.pixel_aspect.numerator}:{info.pixel_aspect.denominator}, frames are not stretched")
    if seconds_per_frame is not None:
        parts.append(f"about <strong>{duration_text(seconds_per_frame * len(clip))}</strong> on {escape(device)}")
    return f'<p class="rs-plan">{" · ".join(parts)}</p>'


def progress_html(done: int, total: int, seconds: float, has_ended: bool = False) -> str:
    """A progress bar with frames done, rate and time left."""
    share = done / total if total else 0.0
    facts = [f"{done} of {total} frames"]
    if done and seconds > 0:
        facts.append(f"{done / seconds:.1f} frames/s")
        facts.append(
            f"{duration_text(seconds)} in total"
            if has_ended
            else f"{duration_text(seconds / done * (total - done))} left"
        )
    state = "ended" if has_ended else "running"
    return (
        f'<div class="rs-progress" data-state="{state}" data-done="{done}" data-total="{total}">'
        f'<progress max="{total}" value="{done}" aria-label="Frames done">{share:.0%}</progress>'
        f'<p role="status">{" · ".join(facts)}</p></div>'
    )


def duration_text(seconds: float) -> str:
    """ "4 s", "2 min 10 s", "1 h 5 min": rounded to the precision that an estimate has."""
    if seconds < 1:
        return "1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60 // 10 * 10} s" if whole < 600 else f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
