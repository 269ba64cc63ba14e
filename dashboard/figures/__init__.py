"""Pure figures: data in, plotly out. Nothing here knows Streamlit or torch."""

from dashboard.figures.live import live_figures

__all__ = ["live_figures"]
