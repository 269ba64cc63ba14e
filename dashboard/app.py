"""What Streamlit runs for every visitor: the pages, and where one is among them."""

from __future__ import annotations

import streamlit as st

from dashboard.views import check, classify, compare, features, frame, path, sparsity, sweeps, take_apart, train

st.set_page_config(page_title="Penstroke", page_icon="🖋️", layout="wide")
frame.navigation(
    {
        "train": st.Page(train.show, title="Train", url_path="train", default=True, help="Train and watch."),
        "features": st.Page(features.show, title="Features", url_path="features", help="What has it learned?"),
        "take-apart": st.Page(take_apart.show, title="Take apart", url_path="take-apart", help="Image = sum of units."),
        "sparsity": st.Page(sparsity.show, title="Sparsity", url_path="sparsity", help="How few units say how much?"),
        "classify": st.Page(classify.show, title="Classify", url_path="classify", help="What are the codes good for?"),
        "compare": st.Page(compare.show, title="Compare", url_path="compare", help="Runs side by side, and forks."),
        "sweeps": st.Page(sweeps.show, title="Sweeps", url_path="sweeps", help="Many runs at once."),
        "path": st.Page(path.show, title="Penalty path", url_path="path", help="How sparse should it be?"),
        "check": st.Page(check.show, title="Check my gradient", url_path="check", help="The course's exercise."),
    }
)
