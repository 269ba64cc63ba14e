"""The dashboard: Streamlit pages that stand still, one live view that is pushed to."""
