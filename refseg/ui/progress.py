"""Progress of a run over a video as HTML: how much work there is, how much is done, how long it takes."""

from html import escape

from refseg.video.reader import Clip

WAITING = '<div class="rs-progress" data-state="waiting"><p role="status">Waiting: one clip is looked at at a time.</p></div>'


def plan_html(clip: Clip, seconds_a_frame: float | None, place: str) -> str:
    """Number of frames, frame size and expected time of a run, before it starts."""
    info = clip.info
    frames = "1 frame" if len(clip) == 1 else f"{len(clip):,} frames"
    parts = [f"<strong>{frames}</strong> of {clip.total:,}", f"{info.width} × {info.height}", f"{info.duration:.1f} s"]
    if info.pixel_aspect != 1:
        parts.append(f"pixels {info.pixel_aspect.numerator}:{info.pixel_aspect.denominator}, frames are not stretched")
    if seconds_a_frame is not None:
        parts.append(f"about <strong>{duration_text(seconds_a_frame * len(clip))}</strong> on {escape(place)}")
    return f'<p class="rs-plan">{" · ".join(parts)}</p>'


def progress_html(done: int, total: int, seconds: float, ended: bool = False) -> str:
    """A bar with frames done, rate and time left."""
    share = done / total if total else 0.0
    facts = [f"{done} of {total} frames"]
    if done and seconds > 0:
        facts.append(f"{done / seconds:.1f} a second")
        facts.append(f"{duration_text(seconds)} in all" if ended else f"{duration_text(seconds / done * (total - done))} left")
    state = "ended" if ended else "running"
    return (
        f'<div class="rs-progress" data-state="{state}" data-done="{done}" data-total="{total}">'
        f'<progress max="{total}" value="{done}" aria-label="frames done">{share:.0%}</progress><p role="status">{" · ".join(facts)}</p></div>'
    )


def duration_text(seconds: float) -> str:
    """ "4 s", "2 min 10 s", "1 h 5 min": rounded so that it does not pretend."""
    if seconds < 1:
        return "1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60 // 10 * 10} s" if whole < 600 else f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
