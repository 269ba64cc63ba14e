"""The course's own autoencoder, to the letter: its cost, its start, all examples in every step, and L-BFGS.

Source: Ng, "Sparse autoencoder", CS294A lecture notes (2011), sections 2 and 3, and the exercises of UFLDL.
"""

from __future__ import annotations

from types import MappingProxyType

from sae_core.sparsity.base import Extra
from sae_core.sparsity.kl import KL

__all__ = ["Textbook"]


class Textbook(KL):
    """a = σ(W1 x + b1), h = σ(W2 a + b2), ρ̂ = (1/m) Σ a over all m examples, and

        J = (1/m) Σ ½‖h − x‖² + (weight_decay/2)(‖W1‖² + ‖W2‖²) + β Σ_j KL(ρ ‖ ρ̂_j)

    In this program's names W1 = W_enc, W2 = dictionaryᵀ, a = codes, h = x_hat. Nothing is dimensionless here: β and
    the decay are the course's, and its defaults those of the exercise on patches (64-25-64, ρ .01, λ 1e-4, β 3;
    digits: 784-196-784, ρ .1, λ 3e-3, β 3). The arithmetic is `textbook.training`'s, not this class's: a step is one
    iteration of L-BFGS, and changing a knob makes L-BFGS forget the way it came.
    """

    name = "textbook"
    label = "The course's own (CS294A, L-BFGS)"
    summary = "The textbook to the letter: sigmoids in and out, its cost, all examples in every step, L-BFGS."
    penalty = "Σ KL to ρ"
    reconstruction = "½ squared error"
    reconstruction_letters = ("(1/m) Σ ½‖h(x) − x‖²", "(1/N) Σ ½‖x̂ − x‖²")
    output = "sigmoid"
    whole = True
    knobs = frozenset({"beta", "rho"})
    target = None
    unused = frozenset(
        {
            *("learning_rate", "schedule", "width_rule", "warmup_steps", "tied", "decoder_norm", "project", "start"),
            *("subtract_b_dec", "b_dec_start", "noise", "aux_k", "resample_every", "precision", "device"),
        }
    )
    defaults = MappingProxyType(
        {
            "activation": "sigmoid",
            "dataset": "patches",
            "n_latents": 25,
            "beta": 3.0,
            "rho": 0.01,
            "weight_decay": 1e-4,
            "batch_size": 10_000,
            "warmup_steps": 0,
            "decoder_norm": "free",
            "project": False,
            "subtract_b_dec": False,
            "b_dec_start": "zero",
        }
    )
    looks = MappingProxyType(
        {
            "beta": MappingProxyType(
                {"dial": (3e-4, 30.0), "zones": ((1e-3, "no effect"), (30.0, "useful")), "help": "The course's β."}
            ),
            "batch_size": MappingProxyType({"label": "Examples", "help": "The first so many images, in each step."}),
        }
    )
    """Measured on the patches after 120 steps: β 0/.001/.01/.1/1/3/30 gives a mean ρ̂ of
    .51/.43/.11/.025/.011/.010/.010, FVU .25/.27/.56/.70/.78/.80/.89."""
    extras = (Extra("rho_hat", trained=False),)
