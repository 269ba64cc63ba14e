"""The sparse autoencoder exactly as the course has it: Ng, "Sparse autoencoder", CS294A lecture notes (2011).

`cost` is its objective and gradient, `mistakes` the ways people get them wrong, `check` names the one at hand,
its data come from `sae_core.data.patches`, and `training` minimises it as the course does. Only `training` needs torch.
"""
