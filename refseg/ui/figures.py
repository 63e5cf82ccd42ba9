"""The line of facts under the result."""

from html import escape


def facts_html(size: tuple[int, int], peak: float, seconds: float, place: str, reused: bool) -> str:
    """size: (height, width) of the picture.  peak: highest probability.  seconds: time the network took on `place`."""
    facts = [
        ("Picture", f"{size[1]} \u00d7 {size[0]}"),
        ("Highest probability", f"{peak:.2f}"),
        ("Time", f"{seconds:.2f} s"),
        ("Device", place),
        ("Picture features", "reused" if reused else "computed"),
    ]
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="rs-facts">{items}</dl>'
