"""What Streamlit runs for every visitor: the pages, and where one is among them."""

from __future__ import annotations

import streamlit as st

from dashboard.views import train

st.set_page_config(page_title="Penstroke", page_icon="🖋️", layout="wide")
st.navigation(
    [st.Page(train.show, title="Train", url_path="train", default=True, help="Train a sparse autoencoder and watch.")],
    position="top",
).run()
