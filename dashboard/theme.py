"""The colours, as Streamlit options: calm, one accent, light and dark, categories that colour-blind people can tell."""

from __future__ import annotations

from typing import Any

__all__ = ["OKABE_ITO", "theme_options"]

OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#999999"]
"""Okabe and Ito's categories, the accent first."""

LIGHT = {
    "primaryColor": "#0072B2",
    "linkColor": "#0072B2",
    "backgroundColor": "#FFFFFF",
    "secondaryBackgroundColor": "#F4F6F8",
    "textColor": "#1B2733",
    "borderColor": "#D5DCE3",
}
DARK = {
    "primaryColor": "#4FA3DA",
    "linkColor": "#79BCE8",
    "backgroundColor": "#12171D",
    "secondaryBackgroundColor": "#1B222B",
    "textColor": "#E6EBF0",
    "borderColor": "#33404D",
}
SHARED = {
    "baseFontSize": 14,
    "baseRadius": "small",
    "paddingTop": "0rem",
    "paddingBottom": "2rem",
    "showSidebarBorder": True,
    "chartCategoricalColors": OKABE_ITO,
}


def theme_options() -> dict[str, Any]:
    """``theme.*`` options for the server; both modes are set, so that the page offers the choice."""
    options: dict[str, Any] = {f"theme.{name}": value for name, value in SHARED.items()}
    for mode, colours in (("light", LIGHT), ("dark", DARK)):
        options |= {f"theme.{mode}.{name}": value for name, value in colours.items()}
        options[f"theme.{mode}.sidebar.backgroundColor"] = colours["secondaryBackgroundColor"]
        options[f"theme.{mode}.sidebar.secondaryBackgroundColor"] = colours["backgroundColor"]
    return options
