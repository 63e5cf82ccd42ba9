"""The page's theme and launch options. Fonts come with Gradio: the page loads nothing from other hosts."""

from typing import Any

import gradio as gr
from gradio.themes.utils import fonts

from refseg.rendering import DEFAULT_COLOR
from refseg.ui.assets import static_text
from refseg.ui.session import MAX_SESSIONS

STYLES = ("page.css", "why/why_panel.css", "annotate/editor.css")
MASK_COLORS = [
    ("pink", DEFAULT_COLOR),
    ("orange", "#ff8a00"),
    ("lime", "#7bd500"),
    ("cyan", "#00c2e0"),
    ("violet", "#8b5cf6"),
    ("white", "#ffffff"),
]


# Plain surfaces with thin lines, and one accent color for controls.
THEME_VALUES = {
    "body_background_fill": "*neutral_50",
    "body_background_fill_dark": "*neutral_950",
    "body_text_color_subdued": "*neutral_500",
    "body_text_color_subdued_dark": "*neutral_400",
    "background_fill_primary": "white",
    "background_fill_primary_dark": "*neutral_900",
    "background_fill_secondary": "*neutral_100",
    "background_fill_secondary_dark": "*neutral_800",
    "block_background_fill": "white",
    "block_background_fill_dark": "*neutral_900",
    "block_border_width": "1px",
    "block_border_color": "*neutral_200",
    "block_border_color_dark": "*neutral_800",
    "block_shadow": "none",
    "block_label_background_fill": "*block_background_fill",
    "block_label_text_color": "*neutral_500",
    "block_label_text_color_dark": "*neutral_400",
    "block_label_border_width": "0px",
    "block_title_text_weight": "600",
    "block_title_text_size": "*text_sm",
    "block_title_text_color": "*neutral_600",
    "block_title_text_color_dark": "*neutral_300",
    "input_background_fill": "white",
    "input_background_fill_dark": "*neutral_900",
    "input_border_width": "1px",
    "input_border_color": "*neutral_300",
    "input_border_color_dark": "*neutral_700",
    "input_border_color_focus": "*primary_600",
    "input_border_color_focus_dark": "*primary_400",
    "input_shadow": "none",
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_dark": "*primary_600",
    "button_primary_background_fill_hover_dark": "*primary_500",
    "button_primary_text_color": "white",
    "button_secondary_background_fill": "white",
    "button_secondary_background_fill_hover": "*neutral_100",
    "button_secondary_background_fill_dark": "*neutral_800",
    "button_secondary_background_fill_hover_dark": "*neutral_700",
    "button_secondary_border_color": "*neutral_300",
    "button_secondary_border_color_dark": "*neutral_700",
    "button_border_width": "1px",
    "slider_color": "*primary_600",
    "checkbox_background_color_selected": "*primary_600",
    "checkbox_background_color_selected_dark": "*primary_600",
    "checkbox_border_color_selected": "*primary_600",
    "checkbox_border_color_selected_dark": "*primary_600",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_dark": "transparent",
    "layout_gap": "16px",
}


def theme() -> gr.themes.Base:
    """Plain surfaces with thin lines, and one accent color for controls."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_lg,
        font=[fonts.LocalFont("IBM Plex Sans", weights=(400, 700)), "ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=[fonts.LocalFont("IBM Plex Mono", weights=(400,)), "ui-monospace", "monospace"],
    ).set(**THEME_VALUES)


def page_css() -> str:
    """All style sheets, with the swatches of `MASK_COLORS`."""
    swatches = (f'.rs-swatches label:has(input[value="{color}"]) {{ --swatch: {color}; }}' for _, color in MASK_COLORS)
    return "\n".join([*map(static_text, STYLES), *swatches])


def launch_options(**options: Any) -> dict[str, Any]:
    """Keyword arguments of `Blocks.launch`, with `options` added or replaced."""
    return {
        "theme": theme(),
        "css": page_css(),
        "footer_links": ["api", "settings"],
        "run_history": False,
        "max_file_size": "500mb",
        "state_session_capacity": MAX_SESSIONS,
        "enable_monitoring": False,
        "ssr_mode": False,
        "show_error": False,
        **options,
    }
