"""The line of facts under the result."""

from html import escape


def facts_html(size: tuple[int, int], peak: float, seconds: float, device: str, reused: bool) -> str:
    """size: (height, width) of the image.  peak: highest probability.  seconds: time of the model on `device`.
    reused: whether the image's features were cached."""
    facts = [
        ("Image", f"{size[1]} \u00d7 {size[0]}"),
        ("Highest probability", f"{peak:.2f}"),
        ("Time", f"{seconds:.2f} s"),
        ("Device", device),
        ("Image features", "cached" if reused else "computed"),
    ]
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="rs-facts">{items}</dl>'
